"""How right a grade surely is, after so many second looks: the exact bound of Clopper and Pearson (1934)."""

import math


def lower_bound(wrong: int, judged: int, confidence: float = 0.95) -> float:
    """The one-sided exact lower bound of the share that is right (Clopper and Pearson 1934).

    The smallest precision at which no more than `wrong` errors in `judged` are still as likely as 1 - confidence;
    found by bisection of the binomial tail. 0 of 300: .990, 0 of 600: .995, 0 of 3,000: .999.
    """
    if not 0 <= wrong <= judged:
        raise ValueError(f"{wrong} wrong of {judged}")
    if wrong == judged:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(wrong, judged, 1 - middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def _at_most(wrong: int, judged: int, error: float) -> float:
    """The chance of at most so many errors, each with this probability."""
    if error <= 0:
        return 1.0
    if error >= 1:
        return 0.0
    choose = math.lgamma(judged + 1)
    terms = (
        choose
        - math.lgamma(k + 1)
        - math.lgamma(judged - k + 1)
        + k * math.log(error)
        + (judged - k) * math.log1p(-error)
        for k in range(wrong + 1)
    )
    return min(math.fsum(math.exp(term) for term in terms), 1.0)


def needed(target: float, confidence: float = 0.95) -> int:
    """How many right answers without an error certify a target."""
    return math.ceil(math.log(1 - confidence) / math.log(target))
