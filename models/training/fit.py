"""Teaches the network: first that a sentence means what its translation means, then the labels."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.heads import CHOICES, columns
from models.training.batches import batches, inputs, padded
from models.training.checkpoints import Checkpoints
from models.training.examples import Examples
from models.training.network import Network

log = logging.getLogger(__name__)

ALIGN_BATCH, BATCH, PAIR_BATCH = 256, 64, 64
ALIGN_RATE = 4e-4
ENCODER_RATE, PIECE_RATE, HEAD_RATE, TABLE_RATE = 1.2e-4, 3e-4, 1e-3, 1e-2
DECAY = 0.01
SHARPNESS = 20.0  # of the similarities between translations
CONTRAST_SHARE = 0.1
HEAD_WEIGHT = {"language": 0.3, "sentiment": 1.0, "intent": 1.2, "urgency": 0.6}
FLAG_WEIGHT = {"complaint": 1.0, "about_brand": 0.8, "ironic": 0.5, "escalation": 0.5}
SMOOTHING = 0.05
PAIR_EVERY = 4
PAIR_SHARE = 0.5
SAME_EVERYWHERE = ("sentiment", "intent", "urgency", "complaint", "ironic", "escalation")  # whatever the language
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sentences:
    """Pieces, and for each the number of the row of `meant` where it must land."""

    pieces: Sequence[Ints]
    goal: Ints
    meant: Floats


@dataclass(frozen=True)
class Pairs:
    """Pieces of sentences and of their translations, aligned."""

    english: Sequence[Ints]
    french: Sequence[Ints]


def align(network: Network, data: Sentences, seed: int) -> None:
    """One pass: every sentence lands where the teacher puts it, or its translation."""
    optimiser = torch.optim.AdamW([{"params": list(network.encoder.parameters()), "top": ALIGN_RATE}], fused=True)
    network.train()
    meant = torch.from_numpy(data.meant)
    groups = list(batches([len(one) for one in data.pieces], ALIGN_BATCH, seed))
    watch = _Watch("align", len(groups))
    for step, at in enumerate(groups):
        _rate(optimiser, step / len(groups))
        with _half():
            found = network.vector(padded([data.pieces[i] for i in at]))
        loss = _landing_loss(found.float(), meant[data.goal[at]])
        _step(network, optimiser, loss)
        watch.saw(loss.item())


def teach(
    network: Network, faces: Callable[[int], Examples], pairs: Pairs, epochs: int, seed: int, kept: Checkpoints
) -> None:
    """All heads at once. What the network makes of an English sentence it must make of the French one.

    `faces` draws the examples of an epoch. After each the state is kept, and goes on from there.
    """
    optimiser = torch.optim.AdamW(_groups(network), fused=True)
    partners = _endless(len(pairs.english), PAIR_BATCH, seed)
    done = _resume(network, optimiser, kept)
    for epoch in range(done, epochs):
        _epoch(network, optimiser, faces(epoch), pairs, partners, (epoch, epochs), seed + epoch)
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "epochs": epoch + 1}
        kept.keep("teach", state)


def _epoch(
    network: Network,
    optimiser: torch.optim.Optimizer,
    data: Examples,
    pairs: Pairs,
    partners: Iterator[Ints],
    place: tuple[int, int],
    seed: int,
) -> None:
    epoch, epochs = place
    balance = _balance(data)
    network.train()
    groups = list(batches([len(one) for one in data.pieces], BATCH, seed))
    watch = _Watch(f"epoch {epoch + 1}", len(groups))
    for step, at in enumerate(groups):
        _rate(optimiser, (epoch + step / len(groups)) / epochs)
        loss = _label_loss(network, data, at, balance)
        if step % PAIR_EVERY == 0:
            loss = loss + PAIR_SHARE * _pair_loss(network, pairs, next(partners))
        _step(network, optimiser, loss)
        watch.saw(loss.item())


def _resume(network: Network, optimiser: torch.optim.Optimizer, kept: Checkpoints) -> int:
    state = kept.last("teach")
    if state is None:
        return 0
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epochs"])


class _Watch:
    """Says now and then how it goes."""

    def __init__(self, name: str, steps: int) -> None:
        self._name, self._steps, self._losses, self._began = name, steps, list[float](), time.monotonic()

    def saw(self, loss: float) -> None:
        self._losses.append(loss)
        done = len(self._losses)
        if done % 100 == 0 or done == self._steps:
            spent = time.monotonic() - self._began
            log.info("%s %d/%d loss %.3f, %.0f s", self._name, done, self._steps, np.mean(self._losses[-100:]), spent)


def _half() -> torch.autocast:
    """Products in half precision: twice as fast where the processor knows it."""
    return torch.autocast("cpu", torch.bfloat16)


def _endless(count: int, size: int, seed: int) -> Iterator[Ints]:
    dice = np.random.default_rng(seed)
    while True:
        yield dice.choice(count, size, replace=False)


def _groups(network: Network) -> list[dict[str, Any]]:
    """Pieces and grams are seldom met and learn faster; what is new learns faster than what was taught before."""
    encoder = dict(network.encoder.named_parameters())
    pieces = encoder.pop("pieces.weight")
    known = {id(one) for one in (*encoder.values(), pieces, *network.tables)}
    heads = [one for one in network.parameters() if id(one) not in known]
    return [
        {"params": list(encoder.values()), "top": ENCODER_RATE, "weight_decay": DECAY},
        {"params": [pieces], "top": PIECE_RATE, "weight_decay": 0.0},
        {"params": heads, "top": HEAD_RATE, "weight_decay": DECAY},
        {"params": list(network.tables), "top": TABLE_RATE, "weight_decay": 0.0},
    ]


def _rate(optimiser: torch.optim.Optimizer, done: float) -> None:
    """A short warm-up, then down in a straight line."""
    for group in optimiser.param_groups:
        group["lr"] = group["top"] * min(1.0, done * 20 + 0.02) * (1.01 - done)


def _step(network: Network, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def _landing_loss(found: Tensor, meant: Tensor) -> Tensor:
    """How far from its goal each lands, and whether it lies nearer to it than to the goals of others."""
    found = functional.normalize(found, dim=1)
    similar = found @ meant.T * SHARPNESS
    away = 1 - (found * meant).sum(1).mean()
    return away + CONTRAST_SHARE * functional.cross_entropy(similar, torch.arange(len(found)))


def _pair_loss(network: Network, pairs: Pairs, at: Ints) -> Tensor:
    """Translations lie together, and get the same labels: those of the English side are taken for true."""
    with _half():
        one, two = (network.seen(padded([side[i] for i in at])) for side in (pairs.english, pairs.french))
        said, says = network.judged(one).float().detach(), network.judged(two).float()
    width = one.shape[1] // 3
    left, right = (functional.normalize(side[:, :width].float(), dim=1) for side in (one, two))
    similar = left @ right.T * SHARPNESS
    together = functional.cross_entropy(similar, torch.arange(len(at)))
    where = columns()
    alike = [_same(said[:, where[head]], says[:, where[head]], head in CHOICES) for head in SAME_EVERYWHERE]
    return together + torch.stack(alike).mean()


def _same(said: Tensor, says: Tensor, is_choice: bool) -> Tensor:
    if is_choice:
        return functional.cross_entropy(says, said.softmax(1))
    return functional.binary_cross_entropy_with_logits(says, said.sigmoid())


def _label_loss(network: Network, data: Examples, at: Ints, balance: Tensor) -> Tensor:
    """Of both parts of the network, each for itself: added up at the end, neither may lean on the other."""
    target, known = torch.from_numpy(data.targets[at]), torch.from_numpy(data.known[at])
    with _half():
        both = network(*inputs(data, at))
    return torch.stack([_loss(logits.float(), target, known, balance) for logits in both]).sum()


def _loss(logits: Tensor, target: Tensor, known: Tensor, balance: Tensor) -> Tensor:
    parts = []
    for head, where in columns().items():
        weight = known[:, where.start]
        if head in CHOICES:
            each = _choice_loss(logits[:, where], target[:, where], balance[where])
            scale = HEAD_WEIGHT[head]
        else:
            soft = target[:, where] * (1 - SMOOTHING) + SMOOTHING / 2
            each = functional.binary_cross_entropy_with_logits(logits[:, where], soft, reduction="none")[:, 0]
            scale = FLAG_WEIGHT[head]
        parts.append(scale * (each * weight).sum() / len(logits))
    return torch.stack(parts).sum()


def _choice_loss(logits: Tensor, target: Tensor, balance: Tensor) -> Tensor:
    count = logits.shape[1]
    soft = target * (1 - SMOOTHING) + SMOOTHING / count
    return -(soft * functional.log_softmax(logits, 1)).sum(1) * (target @ balance)


def _balance(data: Examples) -> Tensor:
    """Weights of the labels: how much rarer than the mean each is; of long lists of labels, the square root of it."""
    weights = np.ones(data.targets.shape[1], np.float32)
    for head in CHOICES:
        where = columns()[head]
        counts = (data.targets[:, where] * (data.known[:, where] > 0)).sum(0) + 1
        rarity = counts.mean() / counts
        weights[where] = np.clip(rarity if len(counts) == 3 else np.sqrt(rarity), 0.5, 3.0)
    return torch.from_numpy(weights)


@torch.no_grad()
def predict(network: Network, data: Examples) -> tuple[Floats, Floats]:
    """Logits of every example from the pieces and from the grams, in order."""
    network.eval()
    found = np.zeros((2, *data.targets.shape), np.float32)
    order = np.argsort([len(one) for one in data.pieces], kind="stable")
    for start in range(0, len(order), BATCH):
        at = order[start : start + BATCH]
        found[:, at] = np.stack([logits.float().numpy() for logits in network(*inputs(data, at))])
    return found[0], found[1]
