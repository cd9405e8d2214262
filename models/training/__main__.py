"""`python -m models.training --data FOLDER --out FOLDER`."""

import argparse
import logging
import os
from pathlib import Path

EPOCHS = 3


def main() -> None:
    """Trains, measures, and writes weights and card."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin stand in each other's way on a busy machine
    from models.training.run import run  # torch reads the setting when it is loaded

    parser = argparse.ArgumentParser(prog="python -m models.training", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, evaluate/, pairs/ and french/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run(given.data, given.out, given.epochs, given.threads)


if __name__ == "__main__":
    main()
