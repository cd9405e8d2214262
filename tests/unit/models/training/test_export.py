"""What is exported says what the trained network says. Runs where torch is installed (`pip install "vigie[train]"`)."""

from collections.abc import Sequence

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnxruntime  # noqa: E402  after the check for torch

from models.feed import Encoded, inputs  # noqa: E402
from models.training.batches import bag, padded  # noqa: E402
from models.training.export import graph  # noqa: E402
from models.training.graph import Ranges, eases, steps  # noqa: E402
from models.training.network import Network  # noqa: E402
from models.training.ranges import ranges  # noqa: E402

TEXTS = ([7, 8, 5, 9, 10, 6], [1], [3, 4, 9, 9, 2, 88, 300, 499] * 10, [5, 6, 5])


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(1)
    made = Network(500, 2, (5, 6)).eval()
    for one in made.parameters():
        if one.dim() > 1:
            torch.nn.init.normal_(one, std=0.05)
    return made


def encoded(pieces: Sequence[int]) -> Encoded:
    return Encoded(pieces, np.arange(len(pieces) + 3) * 7, np.arange(len(pieces) * 4 + 2) * 3)


def run(model: bytes, *texts: Sequence[int]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs([encoded(pieces) for pieces in texts]))[0])


def met(network: Network) -> Ranges:
    return ranges(network, [encoded(pieces) for pieces in TEXTS])


@torch.no_grad()
def meant(network: Network, pieces: Sequence[int]) -> np.ndarray:
    one = encoded(pieces)
    deep, wide = network(padded([np.array(pieces)]), bag([one.words]), bag([one.letters]))
    return (deep + wide)[0].numpy()


@pytest.mark.parametrize("pieces", TEXTS)
def test_in_32_bits_it_is_the_same_network(network: Network, pieces: list[int]) -> None:
    assert np.abs(run(graph(network, None), pieces)[0] - meant(network, pieces)).max() < 1e-4


@pytest.mark.parametrize("pieces", TEXTS)
def test_in_eight_bits_it_is_nearly_the_same(network: Network, pieces: list[int]) -> None:
    said = meant(network, pieces)
    assert np.abs(run(graph(network, met(network)), pieces)[0] - said).max() < 0.05 * np.abs(said).max()


@pytest.mark.parametrize("length", [1, 2, 7, 25, 160])
def test_in_eight_bits_no_text_changes_another_by_a_single_bit(network: Network, length: int) -> None:
    dice = np.random.default_rng(length)
    texts = [dice.integers(1, 500, length).tolist() for _ in range(9)]
    model = graph(network, met(network))
    together, alone = run(model, *texts), [run(model, text)[0] for text in texts]
    assert np.array_equal(together, alone)
    assert np.array_equal(run(model, *texts[3:5]), alone[3:5])


def test_only_inputs_that_reach_much_further_than_others_are_made_smaller() -> None:
    least, most = np.array([-1.0, -30.0, 0.0, -2.0], np.float32), np.array([2.0, 1.0, 2.0, 1.5], np.float32)
    assert eases(least, most).tolist() == [1, 10, 1, 1]


def test_its_bytes_reach_from_the_least_to_the_most_and_know_nothing_at_all() -> None:
    step, zero = (float(one) for one in steps(-1.0, 3.0))
    assert (-zero * step, (255 - zero) * step) == pytest.approx((-1.0, 3.0), abs=step)
    assert zero == round(zero)


def test_in_a_batch_padding_changes_nothing(network: Network) -> None:
    long, short = np.array(TEXTS[2]), np.array(TEXTS[0])
    with torch.no_grad():
        both, alone = network.seen(padded([long, short]))[1], network.seen(padded([short]))[0]
    assert np.abs((both - alone).numpy()).max() < 1e-4
