import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadInput
from models.labelled import Labelled, LabelNames, NotLabelled, UnknownLabel, head_named, label_mapping


@pytest.mark.parametrize(
    ("head", "told", "label"),
    [
        ("sentiment", "Negative", "negative"),
        ("complaint", 1, "yes"),
        ("complaint", 0.0, "no"),
        ("complaint", True, "yes"),
        ("complaint", "non", "no"),
        ("language", "fr-CA", "fr"),
        ("language", "nl", "other"),
        ("intent", "billing", "billing"),
    ],
)
def test_our_own_names_need_no_mapping(head: str, told: Any, label: str) -> None:
    assert LabelNames(head, {}).label(told) == label


def test_a_mapping_goes_first_and_a_star_stands_for_the_rest() -> None:
    names = LabelNames("complaint", {"Bug": "yes", "comment": None, "*": "no"})
    assert [names.label(one) for one in ("bug", "comment", "else")] == ["yes", None, "no"]
    assert names.label(["else", "bug"]) == "yes"
    with pytest.raises(UnknownLabel, match="meh"):
        LabelNames("sentiment", {"a": "negative"}).label("meh")


def test_rows_name_their_label_as_we_do_or_simply_label() -> None:
    names = LabelNames("sentiment", {})
    assert names.row({"text": "x", "label": "neutral", "sentiment": "positive", "lang": "fr", "brand": "Orange"}) == (
        Labelled("x", "positive", "fr", "Orange")
    )
    assert names.row({"text": "x", "label": "neutral"}) == Labelled("x", "neutral", "", None)
    assert LabelNames("language", {}).row({"text": "x", "label": "positive", "lang": "en"}) == Labelled("x", "en", "en", None)  # fmt: skip
    for row in (
        {"label": "neutral"},
        {"text": " ", "label": "neutral"},
        {"text": 3, "label": "neutral"},
        {"text": "x"},
    ):
        with pytest.raises(NotLabelled):
            names.row(row)
    with pytest.raises(NotLabelled, match="several"):
        names.row({"text": "x", "label": ["neutral", "positive"]})


def test_mappings_are_written_or_lie_in_a_file(tmp_path: Path) -> None:
    expected = {"a": "negative", "b": None}
    toml, plain = tmp_path / "m.toml", tmp_path / "m.json"
    toml.write_text('[labels]\na = "negative"\nb = ""\n', encoding="utf-8")
    plain.write_text(json.dumps(expected), encoding="utf-8")
    assert label_mapping("a=negative,b=") == label_mapping(str(plain)) == expected
    assert LabelNames("sentiment", label_mapping(str(toml))).label("b") is None
    assert label_mapping(None) == {}


@pytest.mark.parametrize("given", ["=negative", "a=b,c", "missing.toml"])
def test_what_is_no_mapping_is_refused_in_a_line(given: str) -> None:
    with pytest.raises(BadInput):
        label_mapping(given)


@pytest.mark.parametrize("text", ["[", '["a"]', '{"a": 1}'])
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"m\.json"):
        label_mapping(str(path))


def test_a_label_that_we_do_not_have_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'negative'"):
        LabelNames("sentiment", {"a": "negativ"})
    with pytest.raises(BadInput, match="did you mean 'sentiment'"):
        head_named("sentment")
