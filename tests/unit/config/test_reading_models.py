"""The models of the reading in `vigie.toml`: heads, topics, and every mistake in one line."""

from pathlib import Path

import pytest

from config.load import load_settings
from domain.errors import Misconfigured
from models.heads import HEADS

SETTINGS = """
[reading.heads.sentiment]
model = "acme/tone"
revision = "v1"
labels = { LABEL_0 = "negative", "*" = "neutral" }
abstain = 0.5
[reading.topics]
model = "nli"
labels = ["packaging", "shop staff"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vigie.toml"


def test_every_head_has_its_place(file: Path) -> None:
    file.write_text("")
    reading = load_settings(file).reading
    assert set(type(reading.heads).model_fields) == set(HEADS)
    assert (reading.head_models(file.parent), reading.topic_model(file.parent)) == ({}, None)


def test_what_is_written_reaches_the_models(file: Path) -> None:
    file.write_text(SETTINGS)
    settings = load_settings(file, {"VIGIE_READING__HEADS__IRONIC__MODEL": "acme/irony"})
    heads, topics = settings.reading.head_models(file.parent), settings.reading.topic_model(file.parent)
    assert list(heads) == ["sentiment", "ironic"]
    tone = heads["sentiment"]
    assert (tone.source.name, tone.source.revision, tone.source.root) == ("acme/tone", "v1", file.parent)
    assert (dict(tone.labels), tone.abstain, tone.temperature) == ({"LABEL_0": "negative", "*": "neutral"}, 0.5, 1.0)
    assert topics is not None
    assert (topics.labels, topics.threshold) == (("packaging", "shop staff"), 0.6)


def test_an_empty_model_gives_the_head_back(file: Path) -> None:
    file.write_text(SETTINGS)
    settings = load_settings(file, {"VIGIE_READING__HEADS__SENTIMENT__MODEL": ""})
    assert settings.reading.head_models(file.parent) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[reading.heads.sentimnt]\nmodel = 'x'", "unknown key reading.heads.sentimnt, did you mean reading.heads.sentiment?"),
        ("[reading.heads.intent]\nzero_shots = true", "unknown key reading.heads.intent.zero_shots, did you mean reading.heads.intent.zero_shot?"),
        ("[reading.heads.intent]\nzero_shot = true", "reading.heads.intent: Value error, needs a model"),
        ("[reading.heads.intent]\nmodel = 'x'\nhypothesis = 'It is rude.'", "reading.heads.intent.hypothesis: Value error, has no {}"),
        ("[reading.heads.intent]\nmodel = 'x'\ntemperature = 0", "reading.heads.intent.temperature: "),
        ("[reading.heads.intent]\nmodel = 'x'\nlabels = { LABEL_0 = 1 }", "reading.heads.intent.labels.LABEL_0: "),
        ("[reading.topics]\nlabels = ['a']", "reading.topics: Value error, labels need a model"),
        ("[reading.topics]\nmodel = 'x'", "reading.topics: Value error, a model needs labels"),
        ("[reading.topics]\nmodel = 'x'\nlabels = ['a']\nhypothesis = '{} or {}'", "reading.topics.hypothesis: Value error, has no {}"),
        ("[reading.topics]\nmodel = 'x'\nlabels = ['a', 'a']", "reading.topics.labels: Value error, each label"),
    ],
    ids=lambda value: str(value)[-30:],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        load_settings(file)
    assert str(caught.value).startswith(f"{file}: {told}")
    assert "\n" not in str(caught.value)
