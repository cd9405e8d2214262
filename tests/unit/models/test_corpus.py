"""The project's own corpus is what its guide and TAXONOMY say."""

import unicodedata
from collections import Counter
from functools import cache
from typing import Any

import pytest

from domain.reading import SENTIMENTS, URGENCIES
from models.intents import load_intents
from models.training.data import CORPUS, OWN_FILES, TEST_SECTORS, objects

FIELDS = "id text lang sector intent second sentiment complaint urgency about_brand escalation ironic brand".split()
FLAGS = ("complaint", "about_brand", "escalation", "ironic")


@cache
def rows() -> list[dict[str, Any]]:
    return [row for name in OWN_FILES for row in objects(CORPUS / f"{name}.jsonl")]


def test_every_row_has_legal_labels() -> None:
    assert {row["id"]: _faults(row) for row in rows() if _faults(row)} == {}


def _faults(row: dict[str, Any]) -> list[str]:
    intents = set(load_intents())
    sound = {
        "fields": list(row) == FIELDS,
        "text": bool(row["text"].strip()),
        "lang": row["lang"] in ("fr", "en"),
        "intent": row["intent"] in intents,
        "second": row["second"] is None or row["second"] in intents - {row["intent"]},
        "sentiment": row["sentiment"] in SENTIMENTS,
        "urgency": row["urgency"] in URGENCIES,
        "flags": all(row[flag] in (0, 1) for flag in FLAGS),
        "brand": row["brand"] is None or row["brand"] in row["text"],
    }
    return [name for name, is_sound in sound.items() if not is_sound]


def test_it_is_as_large_as_it_was_asked_to_be() -> None:
    by_language = Counter(row["lang"] for row in rows())
    assert by_language["fr"] >= 6000
    assert by_language["en"] >= 3000
    assert sum(row["id"].startswith("hom-") for row in rows()) >= 600
    assert sum(row["id"].startswith("spam-") and row["intent"] == "spam" for row in rows()) >= 300
    assert len({row["sector"] for row in rows()}) >= 8


def test_a_tenth_is_kept_apart_by_sector() -> None:
    kept = sum(row["sector"] in TEST_SECTORS for row in rows())
    assert kept >= len(rows()) / 10


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_there_in_both_languages(flag: str) -> None:
    for lang in ("fr", "en"):
        assert sum(row[flag] for row in rows() if row["lang"] == lang) >= 100


def test_nothing_is_there_twice() -> None:
    counts = Counter(_plain(row["text"]) for row in rows())
    assert [text for text, count in counts.items() if count > 1] == []


def _plain(text: str) -> str:
    spelled = unicodedata.normalize("NFD", text.casefold())
    return " ".join(
        "".join(sign if sign.isalnum() else " " for sign in spelled if not unicodedata.combining(sign)).split()
    )
