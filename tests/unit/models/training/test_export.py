"""What is exported says what the trained network says. Runs where torch is installed (`pip install "vigie[train]"`)."""

from collections.abc import Sequence

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnxruntime  # noqa: E402  after the check for torch

from models.training.batches import bag, padded  # noqa: E402
from models.training.export import graph  # noqa: E402
from models.training.network import Network  # noqa: E402

TEXTS = ([7, 8, 5, 9, 10, 6], [1], [3, 4, 9, 9, 2, 88, 300, 499] * 10, [5, 6, 5])


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(1)
    made = Network(500, 2, (5, 6)).eval()
    for one in made.parameters():
        if one.dim() > 1:
            torch.nn.init.normal_(one, std=0.05)
    return made


def grams(pieces: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(pieces) + 3) * 7, np.arange(len(pieces) * 4 + 2) * 3


def run(model: bytes, pieces: Sequence[int]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    words, letters = grams(pieces)
    feed = {"pieces": np.array([pieces]), "words": words[None], "letters": letters[None]}
    return np.asarray(session.run(None, feed)[0][0])


@torch.no_grad()
def meant(network: Network, pieces: Sequence[int]) -> np.ndarray:
    words, letters = grams(pieces)
    deep, wide = network(padded([np.array(pieces)]), bag([words]), bag([letters]))
    return (deep + wide)[0].numpy()


@pytest.mark.parametrize("pieces", TEXTS)
def test_in_32_bits_it_is_the_same_network(network: Network, pieces: list[int]) -> None:
    assert np.abs(run(graph(network, exact=True), pieces) - meant(network, pieces)).max() < 1e-4


@pytest.mark.parametrize("pieces", TEXTS)
def test_in_eight_bits_it_is_nearly_the_same(network: Network, pieces: list[int]) -> None:
    said = meant(network, pieces)
    assert np.abs(run(graph(network, exact=False), pieces) - said).max() < 0.05 * np.abs(said).max()


def test_in_a_batch_padding_changes_nothing(network: Network) -> None:
    long, short = np.array(TEXTS[2]), np.array(TEXTS[0])
    with torch.no_grad():
        both, alone = network.seen(padded([long, short]))[1], network.seen(padded([short]))[0]
    assert np.abs((both - alone).numpy()).max() < 1e-4
