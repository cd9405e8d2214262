import json
from pathlib import Path

import pytest

from domain.errors import BadInput
from models.training.data import TEST_SECTORS, extra_rows, own_rows, without
from models.training.rows import Row, keep, share

ROW = {
    "id": "1", "text": "colis perdu", "lang": "fr", "sector": "parcel", "intent": "delivery", "second": None,
    "sentiment": "negative", "complaint": 1, "urgency": "normal", "about_brand": 1, "escalation": 0, "ironic": 0,
    "brand": None,
}  # fmt: skip


def test_the_sectors_kept_apart_are_never_trained_on(tmp_path: Path) -> None:
    rows = [
        ROW | {"text": f"texte {number}", "sector": sector} for number, sector in enumerate((*TEST_SECTORS, "parcel"))
    ]
    (tmp_path / "fr.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [row.part == "test" for row in own_rows(tmp_path)] == [True, True, False]


def test_what_is_measured_is_taken_out_of_what_is_trained() -> None:
    seen = Row("@bob Great service!", "en", "val")
    assert without([Row("great service http://x.example", "en", "a"), Row("bad service", "en", "a")], [seen]) == [
        Row("bad service", "en", "a")
    ]


def test_a_share_is_always_the_same() -> None:
    rows = [Row(str(number), "en", "a") for number in range(100)]
    assert keep(rows, 10) == keep(rows[::-1], 10)
    assert 0 <= share("x") < 1


def test_rows_of_ones_own_teach_the_labels_they_have(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    told = {"text": "Colis\u2028perdu", "lang": "fr", "intent": "delivery", "complaint": 1, "brand": "Hirondelle"}
    path.write_text(json.dumps(told, ensure_ascii=False) + "\n\n", encoding="utf-8")
    [row] = extra_rows([path])
    assert (row.source, row.part, row.intent, row.complaint, row.brand) == (
        "own_extra",
        "train",
        "delivery",
        1,
        "Hirondelle",
    )
    assert (row.sentiment, row.urgency, row.ironic) == (None, None, None)


@pytest.mark.parametrize(
    "line",
    ['{"text": "x"}', "[1]", "{", '{"label": "x"}', '{"text": "x", "intent": "love"}', '{"text": "x", "ironic": 2}'],
)
def test_a_row_that_teaches_nothing_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"text": "x", "ironic": 0}\n' + line, encoding="utf-8")
    with pytest.raises(BadInput, match=r"own\.jsonl, line 2"):
        extra_rows([path])
