"""Listening, measured: a stream filtered, posts stored and known again, a large file in flat memory.

    python -m benchmarks.listen                    about ten minutes, most of them for the million rows
    python -m benchmarks.listen --rows 100000      a quick look
    python -m benchmarks.listen --obsei            installs obsei 1.1 beside, to stand in the table

Each figure stands beside what one would write without Vigie and beside what the machine itself can do with the
same data, measured in the same run. Other work on the machine lowers all of them: the load is printed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks import _files, _frames, _obsei, _storing
from benchmarks._report import Section, report


def main() -> None:
    """Measure what the arguments ask for, and print it."""
    options = _options()
    if options.obsei:
        _obsei.install(options.obsei)
    report(_measured(options), options.json)


def _measured(options: argparse.Namespace) -> Iterator[Section]:
    yield from _frames.measure(options.frames)
    yield from _storing.measure(options.posts)
    yield from _files.measure(options.rows, options.obsei or _obsei.DEFAULT)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listen", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=40_000, help="frames of each version of the wire (%(default)s)")
    parser.add_argument("--posts", type=int, default=10_000, help="posts stored on each database (%(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the Parquet file (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--obsei",
        type=Path,
        nargs="?",
        const=_obsei.DEFAULT,
        help=f"install obsei 1.1 there, unless it is ({_obsei.DEFAULT})",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
