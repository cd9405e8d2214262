"""What is measured on: the validation files, the sets under `evaluate/`, and the own rows kept apart."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.confusion import Figure, f1_of_last, macro_f1, macro_recall
from models.training.data import objects
from models.training.rows import Row

AIRLINE = {
    "Late Flight": "delivery",
    "Cancelled Flight": "delivery",
    "Lost Luggage": "delivery",
    "Damaged Luggage": "delivery",
    "Customer Service Issue": "service_quality",
    "Flight Attendant Complaints": "service_quality",
    "longlines": "service_quality",
    "Bad Flight": "defect",
    "Flight Booking Problems": "account_security",
}
DEFT = {"objective": "neutral", "negative": "negative", "positive": "positive"}
STARS = {"1": "negative", "2": "negative", "4": "positive", "5": "positive"}


@dataclass(frozen=True)
class Task:
    """One figure to take: the rows that carry the head's label, and how right is counted."""

    title: str
    head: str
    measure: str
    figure: Figure
    rows: list[Row]
    target: float | None = None


def validation_rows(data: Path) -> dict[str, list[Row]]:
    """The parts of public sets that are never trained on."""
    names = ("tweeteval_sentiment_val", "umsab_fr_val", "umsab_en_val")
    return {name: _read(data / "train" / f"{name}.jsonl", _sentiment) for name in names}


def tasks(data: Path, own: list[Row]) -> list[Task]:
    """All of them, in the order of the card."""
    return [*_public(data), *(task for lang in ("fr", "en") for task in _own([r for r in own if r.lang == lang], lang))]


def _public(data: Path) -> list[Task]:
    val, folder = validation_rows(data), data / "evaluate"
    airline = _read(folder / "airline.jsonl", _airline)
    sanders = _read(folder / "sanders_brands.jsonl", _sanders)
    return [
        _recall("TweetEval sentiment, validation", val["tweeteval_sentiment_val"], 0.69),
        _f1("UMSAB French, validation", "sentiment", val["umsab_fr_val"], 0.66),
        _f1("DEFT 2017 polarity", "sentiment", _read(folder / "deft2017_polarity.jsonl", _deft)),
        _recall("Airline tweets", airline),
        _recall("Shop reviews, French (1-2 and 4-5 stars)", _read(folder / "reviews_cdiscount_fr.jsonl", _stars)),
        _f1("Airline tweets, mapped reasons", "intent", [row for row in airline if row.intent]),
        _f1("Complaints on Twitter", "complaint", _read(folder / "complaints.jsonl", _complaint), 0.80),
        _yes("IJCNLP 2017 French", "complaint", _read(folder / "ijcnlp2017_feedback_fr.jsonl", _feedback), 0.70),
        _yes("IJCNLP 2017 English", "complaint", _read(folder / "ijcnlp2017_feedback_en.jsonl", _feedback)),
        Task("Sanders, brand or irrelevant", "about_brand", "macro recall", macro_recall, sanders, 0.92),
    ]


def _own(rows: list[Row], lang: str) -> list[Task]:
    named = [row for row in rows if row.brand]
    homonyms = [row for row in rows if row.source == "own_homonyms"]
    return [
        _f1(f"own, unseen sectors, {lang}", "intent", rows, 0.80),
        _recall(f"own, unseen sectors, {lang}", rows),
        _f1(f"own, unseen sectors, {lang}", "complaint", rows),
        _f1(f"own, unseen sectors, {lang}", "urgency", rows),
        _yes(f"own, unseen sectors, {lang}", "escalation", rows),
        _yes(f"own, unseen sectors, {lang}", "ironic", rows),
        Task(f"own, unseen sectors, {lang}, brand named", "about_brand", "macro recall", macro_recall, named, 0.92),
        Task(f"own, unseen homonyms, {lang}", "about_brand", "macro recall", macro_recall, homonyms, 0.92),
    ]


def _recall(title: str, rows: list[Row], target: float | None = None) -> Task:
    return Task(title, "sentiment", "macro recall", macro_recall, rows, target)


def _f1(title: str, head: str, rows: list[Row], target: float | None = None) -> Task:
    return Task(title, head, "macro F1", macro_f1, rows, target)


def _yes(title: str, head: str, rows: list[Row], target: float | None = None) -> Task:
    return Task(title, head, "F1 of yes", f1_of_last, rows, target)


def _read(path: Path, to_row: Callable[[dict[str, Any]], Row | None]) -> list[Row]:
    return [row for row in map(to_row, objects(path)) if row is not None]


def _sentiment(item: dict[str, Any]) -> Row | None:
    return Row(item["text"], item["lang"], "val", sentiment=item["label"])


def _deft(item: dict[str, Any]) -> Row | None:
    label = DEFT.get(item["label"])
    return Row(item["text"], "fr", "deft", sentiment=label) if label else None


def _airline(item: dict[str, Any]) -> Row | None:
    return Row(item["text"], "en", "airline", sentiment=item["label"], intent=AIRLINE.get(item["reason"]))


def _stars(item: dict[str, Any]) -> Row | None:
    label = STARS.get(item["label"])
    return Row(item["text"], "fr", "stars", sentiment=label) if label else None


def _complaint(item: dict[str, Any]) -> Row | None:
    return Row(item["text"], "en", "complaints", complaint=int(item["label"]))


def _feedback(item: dict[str, Any]) -> Row | None:
    return Row(item["text"], item["lang"], "feedback", complaint=int("complaint" in item["label"]))


def _sanders(item: dict[str, Any]) -> Row | None:
    named = item["brand"].lower() in item["text"].lower()
    about = int(item["label"] != "irrelevant")
    return Row(item["text"], "en", "sanders", about_brand=about, brand=item["brand"]) if named else None
