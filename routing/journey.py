"""Where a customer's way with the brand broke: a pure detector over his ledger, everything that passed between both.

    channel_switched  he waited for an answer in vain, and tried another channel
    asked_again       he waited in vain and asked again on the same channel, or came back after "it is settled"
    passed_on         his matter went from hand to hand more often than the rules allow
    contradicted      two answers about one matter do not agree: granted and declined, delivered and not, two amounts
    promise_broken    a day was promised, and it passed in silence

The ledger may come in any order and hold an entry twice. Each rupture has the moment at which it happened, the matter's
case, and the entries that show it. What is said later mends nothing that was broken: ruptures are only added.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from domain.journey import RUPTURES

# Answers that cannot both be true; the second of a pair in time is the one that contradicts.
OPPOSITES = frozenset({("granted", "declined"), ("declined", "granted"), ("delivered", "not_delivered")})
AMOUNT = "amount:"


@dataclass(frozen=True, slots=True)
class JourneyRules:
    """How long an answer may take, until when a matter is the same, how often it may be passed on; a promise without a
    day is due after `promise`, and `grace` later it is broken. `history` is how far back the ledger goes.
    """

    answer: timedelta = timedelta(hours=24)
    again: timedelta = timedelta(days=14)
    passes: int = 2
    promise: timedelta = timedelta(days=7)
    grace: timedelta = timedelta(hours=24)
    history: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One thing that passed between a customer and the brand, or inside the brand about him.

    `key` names its source, as `interaction:12`. `kind` is `said` (in or out), `handed` (to another person or team,
    `hand`) or `settled` (we said that the matter is). `matter` is what makes two entries one matter; None fits any.
    `stances` are answers that it gives: granted, declined, delivered, not_delivered, amount:1290. `promised` is the
    time until which it promises something.
    """

    key: str
    at: datetime
    direction: str
    channel: str = ""
    kind: str = "said"
    matter: str | None = None
    case: int | None = None
    hand: str | None = None
    stances: frozenset[str] = frozenset()
    promised: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rupture:
    """A moment at which the way broke, the case it belongs to, and the keys of the entries that show it."""

    kind: str
    at: datetime
    case: int | None = None
    shown_by: tuple[str, ...] = field(default=())


def ruptures(ledger: Iterable[LedgerEntry], rules: JourneyRules, now: datetime) -> list[Rupture]:
    """Every rupture up to now, in order of time; one a kind and moment."""
    entries = sorted({entry.key: entry for entry in ledger}.values(), key=lambda entry: (entry.at, entry.key))
    past = [entry for entry in entries if entry.at <= now]
    found: dict[tuple[str, datetime], Rupture] = {}
    for matter in _matters(past):
        for rupture in (*_waits(matter, rules), *_passes(matter, rules), *_contradictions(matter, rules)):
            found.setdefault((rupture.kind, rupture.at), rupture)
        for rupture in _promises(matter, rules, now):
            found.setdefault((rupture.kind, rupture.at), rupture)
    return sorted(found.values(), key=lambda one: (one.at, RUPTURES.index(one.kind)))


def _matters(entries: Sequence[LedgerEntry]) -> Iterator[list[LedgerEntry]]:
    """The entries of each matter, with those that name none; all together where no matter is named."""
    named: list[str | None] = [*sorted({entry.matter for entry in entries if entry.matter is not None})]
    for matter in named or [None]:
        yield [entry for entry in entries if entry.matter in (matter, None)]


def _waits(matter: Sequence[LedgerEntry], rules: JourneyRules) -> Iterator[Rupture]:
    """Asked again or elsewhere: he last asked so long ago, and nobody has answered since."""
    waiting: LedgerEntry | None = None
    settled: LedgerEntry | None = None
    for entry in matter:
        if entry.kind == "settled":
            waiting, settled = None, entry
        elif entry.kind != "said":
            continue
        elif entry.direction == "out":
            waiting = None
        else:
            yield from _asked(entry, waiting, settled, rules)
            # The first question counts until it is answered, however often he adds to it.
            waiting = entry if waiting is None or entry.at - waiting.at >= rules.answer else waiting
            settled = None


def _asked(
    entry: LedgerEntry, waiting: LedgerEntry | None, settled: LedgerEntry | None, rules: JourneyRules
) -> Iterator[Rupture]:
    if waiting is not None and rules.answer <= entry.at - waiting.at <= rules.again:
        kind = "asked_again" if entry.channel == waiting.channel else "channel_switched"
        yield _rupture(kind, entry, waiting)
    elif settled is not None and timedelta(0) < entry.at - settled.at <= rules.again and entry.matter is not None:
        yield _rupture("asked_again", entry, settled)


def _passes(matter: Sequence[LedgerEntry], rules: JourneyRules) -> Iterator[Rupture]:
    """The pass that is one too many; whoever has it first was not passed it."""
    held = [entry for entry in matter if entry.hand is not None and entry.matter is not None]
    hands = [list(entries) for _, entries in groupby(held, key=lambda entry: entry.hand)]
    if len(hands) > rules.passes + 1:
        one_too_many = hands[rules.passes + 1][0]
        yield _rupture("passed_on", one_too_many, *(entries[0] for entries in hands[: rules.passes + 1]))


def _contradictions(matter: Sequence[LedgerEntry], rules: JourneyRules) -> Iterator[Rupture]:
    answers = [entry for entry in matter if entry.stances and entry.direction == "out" and entry.matter is not None]
    for place, entry in enumerate(answers):
        before = next((old for old in answers[:place] if _contradict(old, entry)), None)
        if before is not None:
            yield _rupture("contradicted", entry, before)


def _contradict(old: LedgerEntry, new: LedgerEntry) -> bool:
    amounts = [{stance for stance in entry.stances if stance.startswith(AMOUNT)} for entry in (old, new)]
    if all(amounts) and not amounts[0] & amounts[1]:
        return True
    # Who says both at once ("declined before, granted now") speaks of the change and explains it.
    plain = [entry.stances - amount for entry, amount in zip((old, new), amounts, strict=True)]
    return any(one in plain[0] and two in plain[1] and one not in plain[1] for one, two in OPPOSITES)


def _promises(matter: Sequence[LedgerEntry], rules: JourneyRules, now: datetime) -> Iterator[Rupture]:
    for place, entry in enumerate(matter):
        if entry.promised is None or entry.direction != "out" or entry.matter is None:
            continue
        broken_at = max(entry.promised, entry.at) + rules.grace
        later = (one for one in matter[place + 1 :] if entry.at < one.at <= broken_at)
        if broken_at <= now and not any(_keeps_word(one) for one in later):
            yield Rupture("promise_broken", broken_at, entry.case, (entry.key,))


def _keeps_word(entry: LedgerEntry) -> bool:
    return entry.kind == "settled" or (entry.kind == "said" and entry.direction == "out")


def _rupture(kind: str, entry: LedgerEntry, *shown: LedgerEntry) -> Rupture:
    case = entry.case or next((one.case for one in shown if one.case is not None), None)
    return Rupture(kind, entry.at, case, (*(one.key for one in shown), entry.key))
