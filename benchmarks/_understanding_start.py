"""A fresh process that reads one post: `python -m benchmarks._understanding_start WEIGHTS TEXT`, told as JSON."""

import json
import sys
import time
from pathlib import Path

_BEGAN = time.perf_counter()


def main() -> None:
    """Import, load, read; milliseconds of each, and what the process holds in memory afterwards."""
    from domain.brand import Brand
    from models.reader import load_reader

    imported = time.perf_counter()
    reader = load_reader(Path(sys.argv[1]))
    loaded = time.perf_counter()
    reader.read([sys.argv[2]], Brand(name="Hirondelle"))
    done = time.perf_counter()
    import psutil

    told = {"ms to import": imported - _BEGAN, "ms to load": loaded - imported, "ms to read": done - loaded}
    resident = psutil.Process().memory_info().rss / 2**20
    print(json.dumps({name: 1000 * value for name, value in told.items()} | {"MB resident": resident}))


if __name__ == "__main__":
    main()
