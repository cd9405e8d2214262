"""A model's own labels -> ours. Every one of theirs stands for one of ours, and each of ours is reached."""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.errors import Misconfigured

ANY_OTHER = "*"
YES_OR_NO = ("no", "yes")
_SAME = {"0": "no", "1": "yes"}


def places(theirs: Sequence[str], ours: Sequence[str], given: Mapping[str, str], *, all_reached: bool) -> list[int]:
    """The place among ours of each of theirs. Raises Misconfigured that names the labels."""
    for name, wanted in given.items():
        if name != ANY_OTHER and name not in theirs:
            raise Misconfigured(f"labels: the model has no label {name!r}{_nearest(name, theirs)}")
        if _ours(wanted, ours) is None:
            raise Misconfigured(f"labels: {name} = {wanted!r} is not one of {', '.join(ours)}")
    found = {name: _ours(given.get(name, name), ours) or _ours(given.get(ANY_OTHER, ""), ours) for name in theirs}
    unknown = [name for name, mine in found.items() if mine is None]
    if unknown:
        raise Misconfigured(
            f"labels: say which of {', '.join(ours)} these labels of the model are: {', '.join(unknown)}"
        )
    unreached = [name for name in ours if name not in found.values()]
    if unreached and (all_reached or "yes" in unreached):
        raise Misconfigured(f"labels: none of the model's ({', '.join(theirs)}) stands for {', '.join(unreached)}")
    return [list(ours).index(mine) for mine in found.values() if mine is not None]


def gathered(values: NDArray[np.float64], where: Sequence[int], size: int, *, independent: bool) -> NDArray[np.float64]:
    """(texts, theirs) -> (texts, ours), each row adding up to 1.

    Labels that exclude each other are added up. Of independent ones that stand for the same the likeliest counts;
    where only `yes` has any, it is the probability of yes.
    """
    found = np.zeros((len(values), size))
    for theirs, mine in enumerate(where):
        column = values[:, theirs]
        found[:, mine] = np.maximum(found[:, mine], column) if independent else found[:, mine] + column
    if size == len(YES_OR_NO) and set(where) == {1}:
        found[:, 0] = 1 - found[:, 1]
    total = found.sum(axis=1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / size)


def _ours(name: str, ours: Sequence[str]) -> str | None:
    low = name.strip().casefold()
    low = _SAME.get(low, low) if tuple(ours) == YES_OR_NO else low
    return next((one for one in ours if one == low), None)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f", did you mean {near[0]!r}?" if near else f" (it has {', '.join(known)})"
