"""Matching, measured: who is linked, how many wrongly, how many are found, and how fast.

    python -m benchmarks.matching                          natural, crowded and hard worlds, with attackers in each
    python -m benchmarks.matching --attack                 attackers alone, kind by kind
    python -m benchmarks.matching --customers 1000000 --speed [--splink]
                                                           import, one post, memory; Splink 5 beside
    python -m benchmarks.matching --febrl [--splink]       FEBRL4, link only; needs the folder of --splink

All people are made up by a generator, the same for the same seed: the figures compare matchers and find faults, they
are no promise for real posts. `--splink [FOLDER]` makes an environment with Splink 5 and recordlinkage beside.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import _matching_beside, _matching_febrl, _matching_speed, _matching_told
from benchmarks._databases import KINDS
from benchmarks._matching_figures import by_role, quality
from benchmarks._matching_quality import judge
from benchmarks._matching_world import World
from benchmarks._report import load

QUALITY_WORLDS = ("natural", "crowded", "hard")
Part = tuple[dict[str, Any], Iterator[str]]  # for programs, and for people


def main() -> None:
    """Measure what the arguments ask for, and print it."""
    options = _options()
    if options.splink:
        _matching_beside.install(options.splink)
    before, parts = load(), []
    for told, lines in _measured(options):
        parts.append(told)
        if not options.json:
            print("\n".join(lines), flush=True)
    if options.json:
        print(json.dumps({"load": os.getloadavg(), "parts": parts}, ensure_ascii=False, indent=1, default=str))
    else:
        print(f"\nbefore: {before}; after: {load()}")


def _measured(options: argparse.Namespace) -> Iterator[Part]:
    beside = options.splink or _matching_beside.DEFAULT
    if options.febrl:
        yield _matching_febrl.measure(beside)
    elif options.speed:
        yield _matching_speed.measure(options.customers, options.posts, options.database, options.seed, beside)
    elif options.attack:
        yield _quality("attack", options, _by_role)
    else:
        for name in options.world or QUALITY_WORLDS:
            yield _quality(name, options, _by_world)


def _quality(name: str, options: argparse.Namespace, lines: Callable[..., Iterator[str]]) -> Part:
    world = World(name, options.customers, options.posts + options.looked_at, options.seed)
    judged = judge(world, options.database, options.looked_at)
    told, counted = quality(judged), by_role(judged)
    of_roles = {role: asdict(count) for role, count in counted.items()}
    return {"world": name, **asdict(told), "posters": of_roles}, lines(name, told, counted, judged)


def _by_world(name: str, told: Any, counted: Any, judged: Any) -> Iterator[str]:
    yield from _matching_told.table(name, told)
    yield from _matching_told.roles(counted)
    yield from _matching_told.explain(judged)


def _by_role(name: str, told: Any, counted: Any, judged: Any) -> Iterator[str]:
    yield f"\nAttackers: {told.posts:,} posts; a link is wrong where the writer is not the customer"
    yield from _matching_told.roles(counted)
    yield from _matching_told.explain(judged)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--customers", type=int, default=20_000, help="customers in the file (%(default)s)")
    parser.add_argument("--posts", type=int, default=15_000, help="posts of each world (%(default)s)")
    parser.add_argument(
        "--looked-at",
        type=int,
        default=3_000,
        help="posts before, of which reviewers said who wrote them (%(default)s)",
    )
    parser.add_argument("--world", action="append", choices=QUALITY_WORLDS, help="only this world; may be repeated")
    parser.add_argument("--attack", action="store_true", help="attackers alone, kind by kind")
    parser.add_argument("--speed", action="store_true", help="rates, times and memory instead of quality")
    parser.add_argument("--febrl", action="store_true", help="the public set FEBRL4 instead")
    parser.add_argument("--database", choices=KINDS, default="sqlite", help="where the file lies (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other worlds (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--splink",
        type=Path,
        nargs="?",
        const=_matching_beside.DEFAULT,
        help=f"install Splink 5 there, unless it is ({_matching_beside.DEFAULT})",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
