"""The bench of understanding runs everywhere: what stands beside it may be missing, its own figures never are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = "--posts 40 --starts 1 --seconds 0.1 --train 0.1 --json".split()


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What it prints in an empty folder, so that no environment lies beside."""
    command = [sys.executable, "-m", "benchmarks.understanding", *TINY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    place = tmp_path_factory.mktemp("bench")
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["sections"]
    return {section["title"].split(",")[0]: section for section in reversed(told)}  # of like ones the first


def rates(section: dict[str, object]) -> dict[str, float | None]:
    return {figure["name"]: figure["rate"] for figure in section["figures"]}  # type: ignore[attr-defined]


def test_the_whole_reading_and_its_parts_are_measured(sections: dict[str, dict[str, object]]) -> None:
    found = rates(sections["Posts of 25 tokens"])
    assert all(found.values())
    assert {"vigie", "aim", "of that: entities", "the network alone"} <= set(found)


def test_a_part_takes_less_than_the_whole(sections: dict[str, dict[str, object]]) -> None:
    found = rates(sections["Posts of 25 tokens"])
    assert (found["of that: words, pieces, grams"] or 0) > (found["vigie"] or 0)


def test_the_first_reading_of_a_process_is_measured(sections: dict[str, dict[str, object]]) -> None:
    section = sections["First reading in a fresh process"]
    assert rates(section)["vigie"]
    assert set(section["facts"]) == {"ms to import", "ms to load", "ms to read", "MB resident"}  # type: ignore[call-overload]


def test_what_is_missing_beside_says_how_to_get_it(sections: dict[str, dict[str, object]]) -> None:
    figures = sections["The same encoder beside"]["figures"]
    missing = [figure for figure in figures if figure["rate"] is None]  # type: ignore[attr-defined]
    assert all(figure["note"].startswith("not measured: ") for figure in missing)


def test_a_text_classifier_of_spacy_stands_beside(sections: dict[str, dict[str, object]]) -> None:
    assert rates(sections["Other analysers"])["spaCy textcat, intent alone"]


def test_the_same_weights_compute_the_same_elsewhere(tmp_path: Path) -> None:
    """The BERT and the graph in 32 bits that are measured are the shipped network, but for what it rounds."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    import numpy as np
    import onnxruntime
    from transformers import BertModel

    from benchmarks import _understanding_weights as weights
    from models.feed import Encoded, inputs
    from models.training.export import graph
    from models.training.network import Network
    from models.training.ranges import ranges

    torch.manual_seed(0)
    pieces, untrained = torch.randint(2, 60, (3, 25)), Network(60, 2, (5, 6)).eval()
    texts = [Encoded(one.numpy(), np.array([0]), np.array([0])) for one in pieces]
    (tmp_path / "model.onnx").write_bytes(graph(untrained, ranges(untrained, texts)))
    made = weights.network(tmp_path / "model.onnx")
    weights.write_bert(made, ROOT / "models" / "weights" / "tokenizer.json", tmp_path / "bert")
    weights.write_exact(made, tmp_path / "exact.onnx")
    with torch.no_grad():
        vectors, _ = made.encoder(pieces)
        deep = made.judged(made.seen(pieces)).numpy()
        bert = BertModel.from_pretrained(tmp_path / "bert").eval()(pieces).last_hidden_state
    exact = onnxruntime.InferenceSession(str(tmp_path / "exact.onnx")).run(None, {"pieces": pieces.numpy()})[0]
    assert torch.allclose(bert, vectors, atol=1e-5)
    assert np.allclose(exact, deep, atol=1e-5)
    shipped = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    rounded = shipped.run(None, dict(inputs(texts)))[0]
    assert np.abs(rounded - deep).max() < 0.15
