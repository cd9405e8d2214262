import json
from pathlib import Path

import pytest

from models.training.agreement import SECOND, agreement
from models.training.rows import Row

LABELS = {"intent": "delivery", "sentiment": "negative", "urgency": "normal", "complaint": 1, "about_brand": 1}
FLAGS = {"escalation": 0, "ironic": 0}


def test_chance_is_taken_off(tmp_path: Path) -> None:
    rows = [Row(str(at), "fr", "own_fr", **LABELS, **FLAGS) for at in range(8)]  # type: ignore[arg-type]
    rows += [Row(str(at), "fr", "own_fr", **(LABELS | {"intent": "billing"}), **FLAGS) for at in range(8, 10)]  # type: ignore[arg-type]
    second = [{"text": str(at), **LABELS, **FLAGS} for at in range(10)]
    (tmp_path / SECOND).write_text("\n".join(map(json.dumps, second)))
    intent = agreement(rows, tmp_path)[0]
    assert (intent.rows, intent.equal, intent.kappa) == (10, 0.8, 0.0)


def test_who_says_the_same_agrees_wholly(tmp_path: Path) -> None:
    rows = [
        Row("a", "fr", "own_fr", **LABELS, **FLAGS),
        Row("b", "fr", "own_fr", **(LABELS | {"intent": "spam"}), **FLAGS),
    ]  # type: ignore[arg-type]
    second = [{"text": row.text, **LABELS, **FLAGS, "intent": row.intent} for row in rows]
    (tmp_path / SECOND).write_text("\n".join(map(json.dumps, second)))
    assert agreement(rows, tmp_path)[0].kappa == pytest.approx(1.0)


def test_without_a_second_labelling_nothing_is_said(tmp_path: Path) -> None:
    assert agreement([], tmp_path) == []
