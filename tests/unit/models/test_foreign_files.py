"""Where a model's files come from, and what is said when they are missing, broken or out of reach."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from domain.errors import Misconfigured
from models.hub import download, files
from models.hub.heads import open_head
from models.hub.spec import HeadModel, Source
from models.reader import WEIGHTS, load_reader
from tests.fakes.hub_server import COMMIT, HubServer
from tests.fakes.server import Fault

DATA = Path(__file__).parents[2] / "data"
OURS = {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}


def opened(name: str, root: Path, revision: str = "") -> str:
    return open_head("sentiment", HeadModel(Source(name, revision, root), OURS)).summary


def complaint(name: str, root: Path, revision: str = "") -> str:
    with pytest.raises(Misconfigured) as caught:
        opened(name, root, revision)
    told = str(caught.value)
    assert told.startswith("reading.heads.sentiment: ")
    assert "\n" not in told
    return told


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(DATA / "tiny-sentiment", tmp_path / "mine"))

    def test_it_is_found_from_the_settings_folder_or_by_its_whole_path(self, folder: Path) -> None:
        assert opened("mine", folder.parent).startswith("mine by onnxruntime (model.onnx), the first 64 tokens")
        assert opened(str(folder), Path("elsewhere")).startswith("mine by onnxruntime")

    def test_onnx_is_found_where_exports_put_it(self, folder: Path) -> None:
        (folder / "onnx").mkdir()
        (folder / "model.onnx").rename(folder / "onnx" / "model_quantized.onnx")
        assert "(model_quantized.onnx)" in opened("mine", folder.parent)

    @pytest.mark.parametrize("name", ["config.json", "model.onnx"])
    def test_a_missing_file_is_named(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        assert name in complaint("mine", folder.parent)

    @pytest.mark.parametrize("name", ["config.json", "model.onnx", "tokenizer.json"])
    @pytest.mark.parametrize("kept", [0, 200])
    def test_a_corrupt_file_is_named(self, folder: Path, name: str, kept: int) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:kept])
        assert f"{folder / name}: " in complaint("mine", folder.parent)

    def test_a_tokenizer_of_another_kind_says_what_it_may_need(self, folder: Path) -> None:
        (folder / "tokenizer.json").unlink()
        (folder / "sentencepiece.bpe.model").write_bytes(b"pieces")
        told = complaint("mine", folder.parent)
        assert f"{folder}/sentencepiece.bpe.model: " in told
        assert "`pip install sentencepiece" in told

    def test_files_of_different_models_do_not_pass(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        config["id2label"] = {"0": "negative", "1": "positive"}
        config["label2id"] = {"negative": 0, "positive": 1}
        (folder / "config.json").write_text(json.dumps(config))
        assert "does not fit" in complaint("mine", folder.parent)

    def test_a_regression_has_no_labels(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "problem_type": "regression"}))
        assert "regression" in complaint("mine", folder.parent)

    def test_code_that_comes_with_a_model_is_not_run(self, folder: Path) -> None:
        (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Own: ...\n")
        table = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
        (folder / "config.json").write_text(json.dumps(table))
        assert "config.json" in complaint("mine", folder.parent)
        assert not (folder / "ran").exists()

    def test_weights_of_torch_without_torch_say_what_to_install(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "has_torch", lambda: False)
        (folder / "model.onnx").rename(folder / "model.safetensors")
        assert "model.safetensors needs torch, which is not installed: pip install 'vigie[train]'" in complaint(
            "mine", folder.parent
        )

    def test_our_own_kind_of_folder_is_shown_its_place(self) -> None:
        assert complaint(str(WEIGHTS), WEIGHTS).endswith("name it in reading.model")

    def test_their_kind_of_folder_or_name_is_shown_its_place(self) -> None:
        for model in (DATA / "tiny-sentiment", Path("cardiffnlp/some-model")):
            with pytest.raises(Misconfigured, match=r"under \[reading\.heads\.sentiment\]"):
                load_reader(model)


class TestHub:
    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
        model = shutil.copytree(DATA / "tiny-sentiment", tmp_path / "model")
        with HubServer({"acme/tone": Path(model)}) as server:
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.base_url)
            template = f"{server.base_url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
            monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
            monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
            yield server

    def test_a_model_is_fetched_once_and_then_read_from_the_cache(self, hub: HubServer, tmp_path: Path) -> None:
        (hub.models["acme/tone"] / "pytorch_model.bin").write_bytes(b"a gigabyte that nobody needs")
        assert opened("acme/tone", tmp_path).startswith(f"acme/tone@{COMMIT[:8]} by onnxruntime")
        assert not any("pytorch" in request.path for request in hub.requests)
        hub.requests.clear()
        assert opened("acme/tone", tmp_path).startswith(f"acme/tone@{COMMIT[:8]} by onnxruntime")
        assert hub.requests == []

    def test_a_revision_is_asked_for_and_shown(self, hub: HubServer, tmp_path: Path) -> None:
        assert opened("acme/tone", tmp_path, "v1").startswith("acme/tone@v1 ")
        assert opened("acme/tone", tmp_path, COMMIT).startswith(f"acme/tone@{COMMIT[:8]} ")
        assert complaint("acme/tone", tmp_path, "v2").endswith("the hub knows it, but no revision 'v2' of it")

    def test_an_unknown_name_is_told(self, hub: HubServer, tmp_path: Path) -> None:
        told = complaint("acme/none", tmp_path)
        assert f"acme/none: no such folder in {tmp_path}, and no such model on the hub" in told

    def test_an_interrupted_download_is_taken_up_again(self, hub: HubServer, tmp_path: Path) -> None:
        folder = download.folder_of(Source("acme/tone", root=tmp_path))
        (folder / "model.onnx").unlink()
        assert opened("acme/tone", tmp_path).startswith("acme/tone@")

    def test_weights_that_cannot_be_run_are_not_fetched(
        self, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "has_torch", lambda: False)
        (hub.models["acme/tone"] / "model.onnx").rename(hub.models["acme/tone"] / "model.safetensors")
        assert "acme/tone: model.safetensors needs torch" in complaint("acme/tone", tmp_path)
        assert not any(request.path.endswith("model.safetensors") for request in hub.requests)

    def test_out_of_reach_it_says_what_to_do(
        self, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
        told = complaint("acme/tone", tmp_path, "v1")
        assert f"not in the local cache ({tmp_path / 'cache'}), and the hub (http://127.0.0.1:9) gives nothing" in told
        assert "`hf download acme/tone --revision v1`" in told
        assert "HF_HOME" in told

    def test_offline_it_asks_nobody(self, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        assert "(HF_HUB_OFFLINE is set)" in complaint("acme/tone", tmp_path)
        assert hub.requests == []

    def test_a_silent_hub_is_not_waited_for(
        self, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
        hub.every = Fault(delay_seconds=30)
        assert "gives nothing (ReadTimeout" in complaint("acme/tone", tmp_path)
        assert len(hub.requests) == 1

    @pytest.mark.parametrize("name", ["../secrets", "./nowhere", "a/b/c", "acme/tone.git", "acme--tone"])
    def test_a_name_that_is_none_is_not_asked_for(self, hub: HubServer, tmp_path: Path, name: str) -> None:
        assert "no " in complaint(name, tmp_path)
        assert hub.requests == []
