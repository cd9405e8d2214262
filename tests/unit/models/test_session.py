import json
import shutil
from pathlib import Path

import pytest

from domain.errors import Misconfigured
from models.reader import WEIGHTS, load_reader
from models.session import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, open_session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE):
        shutil.copy(WEIGHTS / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(Misconfigured, match=name):
        load_reader(folder)


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE])
def test_a_corrupt_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:200])
    with pytest.raises(Misconfigured, match=name):
        load_reader(folder)


def test_weights_of_other_labels_are_refused(folder: Path) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["heads"]["sentiment"]["labels"] = ["good", "bad", "ugly"]
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(Misconfigured, match=CONFIG_FILE):
        load_reader(folder)


def test_a_process_loads_the_weights_once() -> None:
    assert open_session(WEIGHTS.resolve()) is open_session(WEIGHTS.resolve())


def test_the_shipped_files_are_small_and_carded() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 25_000_000
    assert (WEIGHTS / "card.md").read_text(encoding="utf-8").startswith("# embedded-2")
