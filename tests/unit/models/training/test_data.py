import json
from pathlib import Path

from models.training.data import TEST_SECTORS, own_rows, without
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
