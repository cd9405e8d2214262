"""The real architectures with torch: each is made here, tiny and with random weights, and read both ways."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.errors import Misconfigured
from models.calibration import softmax
from models.hub.classifier import Classifier
from models.hub.heads import open_head
from models.hub.spec import HeadModel, Source

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytestmark = [pytest.mark.filterwarnings("default")]  # torch and its exporter warn of their own affairs

FAMILIES = ("xlm-roberta", "camembert", "deberta-v2")
LABELS = ("negative", "Neutral", "POSITIVE")
TEXTS = [
    "Mon colis n'est toujours pas arrivé, trois semaines que j'attends",
    "ok",
    "My parcel has not arrived, nobody answers " * 30,
    "Réglé en cinq minutes, merci 🙏",
    "",
]


@pytest.fixture(scope="module")
def tiny() -> Any:
    """The maker of the models; it needs torch itself."""
    return import_module("tests.data.tiny_models")


@pytest.mark.parametrize("family", FAMILIES)
def test_torch_and_onnx_give_the_same_numbers(family: str, tmp_path: Path, tiny: Any) -> None:
    network = tiny.save(family, tmp_path, LABELS)
    by_torch = Classifier(tmp_path)
    tiny.to_onnx(network, tmp_path / "onnx" / "model.onnx")
    by_onnx = Classifier(tmp_path)
    assert (by_torch.network.by, by_onnx.network.by) == ("torch", "onnxruntime")
    one, other = (each.logits(TEXTS, max_tokens=256) for each in (by_torch, by_onnx))
    assert one == pytest.approx(other, abs=1e-4)
    assert np.ptp(one[:, 0]) > 0.01  # texts differ, or the comparison says nothing


@pytest.mark.parametrize("family", FAMILIES)
def test_it_gives_what_transformers_gives(family: str, tmp_path: Path, tiny: Any) -> None:
    from transformers import AutoTokenizer

    network = tiny.save(family, tmp_path, LABELS)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    found = open_head("sentiment", HeadModel(Source(str(tmp_path)), max_tokens=64)).probabilities(TEXTS)
    for text, row in zip(TEXTS, found, strict=True):
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
        with torch.inference_mode():
            logits = network(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits
        assert row == pytest.approx(softmax(logits.double().numpy())[0], abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_are_read_as_pairs(family: str, tmp_path: Path, tiny: Any) -> None:
    network = tiny.save(family, tmp_path, ("entailment", "neutral", "contradiction"))
    tiny.to_onnx(network, tmp_path / "model.onnx")
    classifier = Classifier(tmp_path)
    texts, others = ["my parcel", "merci"], ["about delivery", "about a bill"]
    found = classifier.logits(texts, others, max_tokens=60)
    assert found != pytest.approx(classifier.logits(texts, others[::-1], max_tokens=60), abs=1e-4)
    (tmp_path / "model.onnx").unlink()
    assert found == pytest.approx(Classifier(tmp_path).logits(texts, others, max_tokens=60), abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_fits(family: str, tmp_path: Path, tiny: Any) -> None:
    tiny.save(family, tmp_path, LABELS)
    classifier = Classifier(tmp_path)
    longest = {"deberta-v2": 256}.get(family, 64)
    assert classifier.longest == longest
    assert np.isfinite(classifier.logits(["colis arrivé " * 1000], max_tokens=4096)).all()


def test_an_encoder_without_a_classifier_is_refused(tmp_path: Path, tiny: Any) -> None:
    tiny.save("camembert", tmp_path, LABELS).roberta.save_pretrained(tmp_path)
    with pytest.raises(Misconfigured, match=r"model\.safetensors: lacks weights of a classifier"):
        open_head("sentiment", HeadModel(Source(str(tmp_path)), {"*": "negative"}))


def test_a_corrupt_file_of_weights_is_named(tmp_path: Path, tiny: Any) -> None:
    tiny.save("camembert", tmp_path, LABELS)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(Misconfigured, match=r"model\.safetensors: no weights that transformers can load"):
        open_head("sentiment", HeadModel(Source(str(tmp_path))))


def test_a_quantised_network_reads_one_text_at_a_time(tmp_path: Path, tiny: Any) -> None:
    from onnxruntime.quantization import quantize_dynamic

    network = tiny.save("xlm-roberta", tmp_path, LABELS)
    tiny.to_onnx(network, tmp_path / "plain.onnx")
    quantize_dynamic(tmp_path / "plain.onnx", tmp_path / "model.onnx")
    classifier = Classifier(tmp_path)
    assert classifier.network.batch == 1
    together = classifier.logits(TEXTS, max_tokens=64)
    alone = np.concatenate([classifier.logits([text], max_tokens=64) for text in TEXTS])
    assert (together == alone).all()
