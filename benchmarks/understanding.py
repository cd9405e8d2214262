"""Understanding, measured: posts read a second from text, the first reading of a process, and others beside.

    python -m benchmarks.understanding                 about two minutes alone
    python -m benchmarks.understanding --torch         installs torch, onnx and obsei 1.1 beside; four to five minutes
    python -m benchmarks.understanding --weights DIR   another model of ours

Each figure stands beside what one would pick instead, and beside what the machine itself can do, measured in the same
run. Other work on the machine lowers all of them: the load is printed. How well it reads is on the model's card.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import _understanding_own as own
from benchmarks import _understanding_peers as peers
from benchmarks._report import Section, report
from benchmarks._understanding_posts import even, mixed
from models.reader import WEIGHTS


def main() -> None:
    """Measure what the arguments ask for, and print it."""
    options = _options()
    if options.torch:
        peers.install(options.torch.absolute())
    report(_measured(options), options.json)


def _measured(options: argparse.Namespace) -> Iterator[Section]:
    texts = even(options.posts, options.weights)
    sections = list(own.measure(texts, mixed(options.posts), options.weights))
    yield from sections
    rates = {figure.name: figure.rate or 0.0 for figure in sections[0].figures}
    whole, network = rates[own.WHOLE], rates[own.PARTS[-1]]
    starts = own.start(texts[0], options.weights, options.starts)
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as place:
        folder = options.torch or peers.DEFAULT
        beside = peers.Beside(folder, options.weights, Path(place), peers.job(texts, options.seconds))
        yield from peers.same(beside, whole, network, starts)
        yield peers.others(beside, whole, texts, options.train)
        yield peers.machine(beside, network)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.understanding", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--posts", type=int, default=1024, help="posts of each sample (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="fresh processes (%(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="at most, for a figure beside (%(default)s)")
    parser.add_argument("--train", type=float, default=30.0, help="seconds that spaCy's textcat learns (%(default)s)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the model (the shipped one)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--torch",
        type=Path,
        nargs="?",
        const=peers.DEFAULT,
        help=f"an environment with torch, transformers, onnx and obsei; made there unless it is ({peers.DEFAULT})",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
