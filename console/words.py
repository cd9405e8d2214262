"""The words of the interface: one table per language, and how that language writes times and numbers."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

TEXTS = Path(__file__).parent / "texts"
LANGUAGES = ("fr", "en")
THIN = "\u202f"
BIG_CHANGE = 9.99  # beyond this a percentage says nothing
# Reasons that carry a value: the key of their text, their form, and what kind of name the value is.
REASON_FORMS = (
    ("status_person", re.compile(r"status (\w+): a person decides"), "status"),
    ("proactive_count", re.compile(r"(\d+) proactive messages in 30 days"), ""),
    ("proactive_week", re.compile(r"(\d+) proactive messages in 7 days"), ""),
    ("unanswered", re.compile(r"(\d+) messages were left without an answer"), ""),
    ("preference_blocked", re.compile(r"stated preference (\w+) cannot be followed"), "channel"),
    ("grade_held", re.compile(r"links of grade (\w+) do not act by themselves now \(\w+\)"), "grade"),
    ("severity_is", re.compile(r"severity (\w+)"), "severity"),
    ("many_posts", re.compile(r"(\d+) posts"), ""),
    ("reach", re.compile(r"reach (\d+)"), ""),
    ("mended_soon", re.compile(r"(\w+) is soon mended"), "intent"),
    ("mended_slowly", re.compile(r"(\w+) is slowly mended"), "intent"),
    ("open_for", re.compile(r"open for (\d+) days"), ""),
    ("other_cases", re.compile(r"(\d+) other cases in 90 days"), ""),
    ("contacts", re.compile(r"(\d+) contacts in 30 days"), ""),
    ("no_account", re.compile(r"nothing says by which account this brand writes: (\[[\w.-]+\])"), ""),
    ("missed", re.compile(r"(\d+) deadlines missed"), ""),
)
# Values of an event that are names of ours: in which group their words stand.
EVENT_NAMES = {
    "severity": {"old": "severity", "new": "severity"},
    "team_changed": {"old": "team", "new": "team"},
    "deadline_near": {"which": "deadline"},
    "deadline_missed": {"which": "deadline"},
    "notice_sent": {"about": "notice"},
    "notice_failed": {"about": "notice"},
    "notice_unconfirmed": {"about": "notice"},
}

# Evidence whose detail is a name of ours: in which group its words stand.
EVIDENCE_NAMES = {
    "recent_order": "moment",
    "no_recent_order": "moment",
    "contact": "how",
    "other_identifier": "entity",
    "other_language": "language",
    "experience": "how",
}
COMMON = frozenset({"email", "mail", "forum", "files"})  # networks whose label is no proper name
LEARNED = re.compile(
    r"learned: answers (\w+) (\d+) of (\d+) times(?:; segment (.+) (\d+|–) %)?; all (\d+|–) %", re.DOTALL
)


@cache
def table(language: str) -> dict[str, dict[str, str]]:
    """The texts of one language, group → key → text."""
    return tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))


class Words:
    """Texts, names, times and numbers in one language. Times are shown in `timezone`."""

    def __init__(self, language: str, timezone: str = "Europe/Paris") -> None:
        self.language = language
        self.timezone = timezone
        self._zone = ZoneInfo(timezone)
        self._table = table(language)

    def __call__(self, key: str, **values: Any) -> str:
        """The text of `group.key`; a missing key is a KeyError, not an empty place."""
        group, _, name = key.partition(".")
        text = self._table[group][name]
        return text.format(**values) if values else text

    def label(self, group: str, value: str | None) -> str:
        """The readable name of a value of ours; a value that nobody named is shown as it is."""
        if value is None:
            return "–"
        return self._table[group].get(value) or value.replace("_", " ")

    def told(self, group: str, value: str) -> str:
        """A word of the brand's own files: its name here where it is a usual one, else as it stands there."""
        words = self._table[group]
        return words.get(value) or words.get(" ".join(value.lower().replace("_", " ").split()), value)

    def inside(self, group: str, value: str) -> str:
        """A label inside a sentence: small, unless it is a name or an abbreviation."""
        label = self.label(group, value)
        proper = value in self._table["network"] and value not in COMMON
        return label if proper or not label[1:].islower() else label.lower()

    def evidence(self, fact: str, detail: str) -> str:
        """What a piece of evidence points to; values of ours in words of this language."""
        named, _, how = detail.partition(": ")
        if fact == "account":
            return self.label("proof", named) + (f" ({self.told('how', how)})" if how else "")
        group = EVIDENCE_NAMES.get(fact)
        return self.told(group, detail).lower() if group else detail

    def event(self, kind: str, detail: Mapping[str, Any]) -> str:
        """What happened to a case, in words. A kind that nobody named is shown as it is."""
        known = self._table["event"]
        if kind.startswith("message_") and kind not in known:
            return self("event.message", state=self.label("message_state", kind.removeprefix("message_")).lower())
        values: dict[str, Any] = dict.fromkeys(("old", "new", "to", "merged", "into", "which", "about", "score"), "")
        values |= detail
        if kind == "state":
            values |= {name: self.label("state", str(values[name])) for name in ("old", "new")}
        for name, group in EVENT_NAMES.get(kind, {}).items():
            values[name] = self.label(group, str(values[name])).lower()
        return known[kind].format(**values) if kind in known else kind.replace("_", " ")

    def reason(self, reason: str) -> str:
        """A reason of a decision in words of this language."""
        if learned := LEARNED.fullmatch(reason):
            return self._learned(*learned.groups())
        for key, form, group in REASON_FORMS:
            if found := form.fullmatch(reason):
                return self(f"reason.{key}").format(self.label(group, found[1]).lower() if group else found[1])
        return self._table["reason"].get(reason, reason)

    def _learned(self, channel: str, answered: str, tried: str, segment: str | None, share: str, all_: str) -> str:
        """What was learned of a channel: his own answers, those of his segment, those of everybody."""
        told = self("reason.learned", channel=self.label("channel", channel), answered=answered, tried=tried)
        if segment is not None:
            told += self("reason.learned_segment", segment=segment, share=share)
        return told + self("reason.learned_all", share=all_)

    def priority(self, part: Any) -> str:
        """One part of a priority: its name, points and why."""
        if not isinstance(part, Mapping):
            return self.reason(str(part))
        why = ", ".join(self.reason(token) for token in str(part.get("why") or "").split(", ") if token)
        return f"{self.label('part', str(part.get('part')))} {part.get('points')}" + (f" ({why})" if why else "")

    def count(self, key: str, number: int) -> str:
        """A number of things; French counts 0 as one."""
        one = number in (0, 1) if self.language == "fr" else number == 1
        return self(f"count.{key}_{'one' if one else 'other'}", n=self.number(number))

    def number(self, value: float, digits: int = 0) -> str:
        """A number as this language writes it."""
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.replace(",", THIN).replace(".", ",")

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share of 0 to 1."""
        if share is None:
            return "–"
        return self.number(share * 100, digits) + (THIN + "%" if self.language == "fr" else "%")

    def change(self, share: float | None) -> str:
        """A relative change with its sign."""
        if share is None:
            return "–"
        if share > BIG_CHANGE:
            return f"> +{self.percent(BIG_CHANGE)}"
        sign = "+" if share > 0 else "−" if share < 0 else "±"
        return sign + self.percent(abs(share))

    def day(self, day: date, year: bool = False) -> str:
        """A calendar day."""
        parts = {
            "weekday": self("date.days").split(",")[day.weekday()],
            "day": day.day,
            "month": self("date.months").split(",")[day.month - 1],
            "year": day.year,
        }
        return self("date.full" if year else "date.short", **parts)

    def date(self, at: datetime) -> str:
        """The day of a time in the page's zone, with its year."""
        local = at.astimezone(self._zone)
        return f"{self.day(local.date())} {local.year}"

    def moment(self, at: datetime | None) -> str:
        """A day and a time in the page's zone."""
        if at is None:
            return "–"
        local = at.astimezone(self._zone)
        return self("time.at", date=self.day(local.date(), year=True), time=f"{local:%H:%M}")

    def stamp(self, at: datetime, now: datetime) -> str:
        """A short day and time, with the year only where it is another one."""
        local = at.astimezone(self._zone)
        if local.year == now.astimezone(self._zone).year:
            return f"{self.day(local.date())} {local:%H:%M}"
        return self.date(at)

    def span(self, length: timedelta) -> str:
        """A length of time in its largest sensible unit."""
        minutes = max(1, int(abs(length.total_seconds()) // 60))
        if minutes < 60:
            return self("time.minutes", n=minutes)
        if minutes < 48 * 60:
            return self("time.hours", n=minutes // 60)
        return self("time.days", n=self.number(minutes // (24 * 60)))

    def relative(self, at: datetime, now: datetime) -> str:
        """How long ago, or in how long."""
        if abs((at - now).total_seconds()) < 60:
            return self("time.now")
        return self("time.ago" if at < now else "time.ahead", span=self.span(now - at))

    def due(self, at: datetime, now: datetime) -> str:
        """A deadline: in how long, or how long overdue."""
        return self("time.late" if at < now else "time.ahead", span=self.span(now - at))

    def hours(self, hours: float | None) -> str:
        """A duration given in hours."""
        return "–" if hours is None else self.span(timedelta(hours=hours))
