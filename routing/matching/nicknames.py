"""First names, and what people are called instead of them."""

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("nicknames.txt")
OTHERS = Path(__file__).with_name("first_names.txt")

Words = tuple[str, ...]


def formal(nickname: str) -> tuple[Words, ...]:
    """The first names that somebody called so may have, each as its words: jp → (jean, paul), (jean, pierre), …"""
    return _tables()[0].get(nickname, ())


def familiar(first: Words) -> tuple[str, ...]:
    """What somebody of this first name may be called."""
    return _tables()[1].get(first, ())


def is_first_name(words: Words) -> bool:
    """Whether these words are a first name, or short for one, as far as these tables know."""
    by_nickname, by_name = _tables()
    return words in by_name or "".join(words) in by_nickname or " ".join(words) in _others()


@lru_cache(maxsize=1)
def _others() -> frozenset[str]:
    lines = OTHERS.read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, tuple[Words, ...]], dict[Words, tuple[str, ...]]]:
    by_nickname: defaultdict[str, list[Words]] = defaultdict(list)
    by_name: dict[Words, tuple[str, ...]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, _, nicknames = line.partition(":")
        words = tuple(name.split("-"))
        by_name[words] = tuple(nicknames.split())
        for nickname in nicknames.split():
            by_nickname[nickname].append(words)
    return {nickname: tuple(names) for nickname, names in by_nickname.items()}, by_name
