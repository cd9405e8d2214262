"""Commands with models from elsewhere in the settings: what `check` says of them, and what `classify` prints."""

import json
import shutil
from pathlib import Path

import pytest

from tests.fakes.warm_vigie import WarmVigie

DATA = Path(__file__).parents[1] / "data"
SETTINGS = """
[brand]
name = "Hirondelle"
[reading.heads.sentiment]
model = "tiny-sentiment"
labels = { LABEL_0 = "negative", LABEL_1 = "neutral", LABEL_2 = "positive" }
[reading.topics]
model = "tiny-nli"
labels = ["packaging", "shop staff"]
threshold = 0.0
"""
POST = {"network": "forum", "id": "1", "text": "mon colis Hirondelle", "created_at": "2026-11-02T10:00:00Z"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tiny-sentiment", "tiny-nli"):
        shutil.copytree(DATA / name, tmp_path / name)
    (tmp_path / "vigie.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "posts.jsonl").write_text(json.dumps(POST), encoding="utf-8")
    return tmp_path


def test_check_shows_each_model_and_classify_uses_it(folder: Path, vigie: WarmVigie) -> None:
    checks = {line["what"]: line for line in vigie(folder, "check", "--json").json["checks"]}
    head = checks["reading head sentiment"]
    assert (head["state"], head["detail"]) == (
        "ok",
        "tiny-sentiment by onnxruntime (model.onnx), the first 64 tokens of a text",
    )
    assert checks["reading topics"]["state"] == "ok"
    printed = json.loads(vigie(folder, "classify", "posts.jsonl").out)
    assert printed["model"] == checks["name on readings"]["detail"]
    assert list(printed["topics"]) == ["packaging", "shop staff"]


def test_a_model_that_does_not_load_is_one_broken_line(folder: Path, vigie: WarmVigie) -> None:
    (folder / "tiny-sentiment" / "model.onnx").write_bytes(b"no network")
    done = vigie(folder, "check", "--json")
    checks = {line["what"]: line for line in done.json["checks"]}
    assert done.code == 1
    assert checks["reading model"]["state"] == "ok"
    assert checks["reading head sentiment"]["state"] == "broken"
    assert str(folder / "tiny-sentiment" / "model.onnx") in checks["reading head sentiment"]["detail"]
    assert vigie(folder, "classify", "posts.jsonl").code == 2


def test_a_name_on_the_hub_is_no_reading_model(folder: Path, vigie: WarmVigie) -> None:
    for model in ("cardiffnlp/some-model", "tiny-sentiment"):
        done = vigie(folder, "classify", "posts.jsonl", "--model", model)
        assert (done.code, done.out) == (2, "")
        assert f"{model}: " in done.err
        assert "[reading.heads.sentiment]" in done.err
