"""The contact simulation: a frozen clock, random customers, faults everywhere, and a judge that knows no mercy.

    python -m benchmarks.contact_simulation [--events 1000000] [--through-database 2000] [--seed 1]

The events go through the real decision with an outbox in memory (`_contact_model.py`); so many more go through the real
one, planned, rechecked and delivered over SQLite (`_contact_database.py`). Every message that a carrier took is
judged by code of its own (`_contact_checker.py`): quiet hours, caps, addresses, consent, twice, reasons. Exit code 1
if anything was wrong.
"""

import argparse
import json
import random
import sys
import time
from typing import Any

from benchmarks._contact_database import through_database
from benchmarks._contact_model import Model
from benchmarks._contact_people import POLICY, complaint, happens, moments, people, wrote
from domain.contact import ContactPolicy


def in_memory(events: int, seed: int = 1, policy: ContactPolicy = POLICY) -> dict[str, Any]:
    """So many events under a policy, judged by the rules of old: what happened, and what was wrong."""
    chance = random.Random(seed)
    model = Model(chance, policy)
    customers = people(max(50, events // 60), chance)
    begun = time.perf_counter()
    for now, what in moments(events, 60 + min(340, events / 3000), chance):
        person = chance.choice(customers)
        if what == "complaint":
            model.open(person, complaint(person, now, chance))
        elif what == "write" and (word := wrote(person, now, chance)) is not None:
            model.open(person, complaint(person, now, chance, word))
        elif what == "work":
            model.work(now)
        else:
            happens(what, person, now, chance)
    return {
        "events": events,
        "customers": len(customers),
        "decisions": model.decided,
        "actions": dict(model.actions),
        "messages that went": model.checker.went,
        "wrong": dict(model.checker.wrong),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def main() -> int:
    """Both, printed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--through-database", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    told = {
        "in memory": in_memory(wanted.events, wanted.seed),
        "through the database": through_database(wanted.through_database, wanted.seed),
    }
    print(json.dumps(told, indent=1))
    return 1 if any(part["wrong"] for part in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
