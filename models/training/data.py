"""Every labelled text: the public sets under `train/` and the project's own corpus, in one form."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from domain.errors import BadInput
from models.heads import CHOICES, YES_NO
from models.text import printable, words
from models.training import mapping
from models.training.rows import Row, keep, share

CORPUS = Path(__file__).parents[1] / "corpus"
OWN_FIELDS = ("text", "lang", "sector", "intent", "second", "sentiment", "urgency", "brand")
OWN_FILES = ("fr", "en", "homonyms", "spam")
TEST_SECTORS = ("insurance", "food_delivery")  # never trained on
TEST_BRANDS = ("castor", "shell")  # ambiguous names, never trained on
TUNE_SECTORS = ("auto", "housing")  # thresholds and temperatures: on sectors as unseen as those of a new user
TUNE_SHARE = 0.1  # of the rows that belong to no sector: homonyms and spam
BITEXT_ROWS = 6000
OWN_WEIGHT = 2.0
PUBLIC_INTENT_WEIGHT = 0.4
# A tweet's sentiment hints at whether it complains. Without such rows the flag learns to tell the own corpus from
# tweets, and hears no complaint in any of them.
WEAK_COMPLAINT = {"negative": (1, 0.3), "neutral": (0, 0.1), "positive": (0, 0.1)}


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def own_rows(folder: Path = CORPUS) -> list[Row]:
    """The project's own corpus, split by sector, by ambiguous brand, and by text."""
    return [
        _own(name, item)
        for name in OWN_FILES
        if (folder / f"{name}.jsonl").exists()
        for item in objects(folder / f"{name}.jsonl")
    ]


def _own(name: str, item: dict[str, Any]) -> Row:
    fields = {name: item[name] for name in OWN_FIELDS} | {flag: int(item[flag]) for flag in YES_NO}
    return Row(**fields, source=f"own_{name}", part=_part(name, item), weight=OWN_WEIGHT)


def _part(name: str, item: dict[str, Any]) -> str:
    brand = (item["brand"] or "").lower().strip("@#")
    if item["sector"] in TEST_SECTORS or (name == "homonyms" and brand.startswith(TEST_BRANDS)):
        return "test"
    if name in ("homonyms", "spam"):
        return "tune" if share(item["text"]) < TUNE_SHARE else "train"
    return "tune" if item["sector"] in TUNE_SECTORS else "train"


def extra_rows(paths: Sequence[Path]) -> list[Row]:
    """Labelled texts of one's own, as `vigie corrections` writes them: `text`, and whichever labels it has.

    JSON Lines; optional `lang` and `brand` (the name by which the text calls it); flags are 1 or 0. Raises `BadInput`,
    which names file and line.
    """
    return [row for path in paths for row in _extra_file(path)]


def _extra_file(path: Path) -> Iterator[Row]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # a line may hold other line breaks
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _extra(json.loads(line))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise BadInput(f"{path}, line {number}: {error}") from error


def _extra(item: dict[str, Any]) -> Row:
    if not isinstance(item.get("text"), str) or not item["text"].strip():
        raise ValueError("has no text")
    labels: dict[str, Any] = {head: item[head] for head in ("sentiment", "intent", "urgency") if item.get(head)}
    for head, label in labels.items():
        if label not in CHOICES[head]:
            raise ValueError(f"{label!r} is no {head}: {', '.join(CHOICES[head])}")
    flags = {flag: int(item[flag]) for flag in YES_NO if item.get(flag) is not None}
    if not set(flags.values()) <= {0, 1}:
        raise ValueError("a flag is neither 1 nor 0")
    if not labels and not flags and not item.get("lang"):
        raise ValueError("has no label")
    lang = str(item.get("lang") or "")
    brand = item.get("brand") or None
    return Row(item["text"], lang, "own_extra", brand=brand, weight=OWN_WEIGHT, **(labels | flags))


def public_rows(folder: Path) -> list[Row]:
    """The sets under `train/` that teach sentiment, irony, intents or language."""
    train = folder / "train"
    return [
        *_sentiment(train),
        *_irony(train),
        *_intents(train, "banking77_train", mapping.banking_intent),
        *_intents(train, "clinc150_train", mapping.clinc_intent),
        *_intents(train, "clinc150_oos_train", mapping.clinc_intent),
        *(row for path in sorted(train.glob("hint3_*")) for row in _intents(train, path.stem, mapping.hint3_intent)),
        *_intents(train, "nlupp_banking", mapping.nlupp_intent),
        *_intents(train, "nlupp_hotels", mapping.nlupp_intent),
        *_bitext(train),
        *_spam(train),
    ]


def _sentiment(train: Path) -> Iterator[Row]:
    names = ["semeval2013_2016_sentiment", *(f"umsab_{lang}_train" for lang in ("fr", "en", "de", "es", "it", "pt"))]
    for name in names:
        for item in objects(train / f"{name}.jsonl"):
            text, label = _unescaped(item["text"]), item["label"]
            complaint, weak = WEAK_COMPLAINT[label]
            yield Row(text, item["lang"], name, sentiment=label, complaint=complaint, weak=weak)


def _unescaped(text: str) -> str:
    """SemEval writes some signs as `\\u2019`."""
    for sign, plain in (("\\u2019", "'"), ("\\u002c", ","), ('\\""""', '"'), ('\\"', '"')):
        text = text.replace(sign, plain)
    return text


def _irony(train: Path) -> Iterator[Row]:
    for name in ("isarcasm_train", "tweeteval_irony_train"):
        for item in objects(train / f"{name}.jsonl"):
            yield Row(item["text"], "en", name, ironic=int(item["label"] in ("1", "irony")))


def _intents(train: Path, name: str, to_intent: Callable[[Any], str | None]) -> Iterator[Row]:
    for item in objects(train / f"{name}.jsonl"):
        intent = to_intent(item["label"])
        if intent:
            yield Row(item["text"], "en", name, intent=intent, weight=PUBLIC_INTENT_WEIGHT)


def _bitext(train: Path) -> list[Row]:
    rows = [
        Row(
            item["text"],
            "en",
            name,
            intent=mapping.BITEXT[item["label"]],
            second=mapping.BITEXT_SECOND.get(item["label"]),
            weight=PUBLIC_INTENT_WEIGHT / 2,
        )
        for name in ("bitext8k", "bitext20k")
        for item in objects(train / f"{name}.jsonl")
        if item["label"] in mapping.BITEXT
    ]
    return keep(rows, BITEXT_ROWS)


def _spam(train: Path) -> Iterator[Row]:
    for item in objects(train / "sms_spam_en.jsonl"):
        if item["label"] == "spam":
            yield Row(item["text"], "en", "sms_spam_en", intent="spam", weight=PUBLIC_INTENT_WEIGHT)


def language_rows(folder: Path) -> list[Row]:
    """Sentences that teach the language alone."""
    rows: list[Row] = []
    for lang in ("ar", "hi"):
        texts = [item["text"] for item in objects(folder / "train" / f"umsab_{lang}_train.jsonl")]
        rows += [Row(text, "other", f"umsab_{lang}_train") for text in texts if not text.isascii()]
    for lang in ("de", "es", "it", "pt"):
        name = "en-de_tatoeba" if lang == "de" else f"en-{lang}_mozilla"
        rows += [Row(other, lang, name) for _, other in pairs(folder, name, 1000)]
    for english, french in pairs(folder, "tatoeba", 1500):
        rows += [Row(english, "en", "tatoeba"), Row(french, "fr", "tatoeba")]
    spoken = (folder / "french" / "commonvoice.txt").read_text(encoding="utf-8").splitlines()
    return rows + keep([Row(line, "fr", "commonvoice") for line in spoken], 1500)


def pairs(folder: Path, name: str, count: int) -> list[tuple[str, str]]:
    """At most `count` pairs of an English sentence and its translation."""
    lines = (folder / "pairs" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    split = [line.split("\t") for line in sorted(lines, key=share)[:count]]
    return [(parts[0], parts[1]) for parts in split if len(parts) == 2]


def without(rows: list[Row], seen: list[Row]) -> list[Row]:
    """The rows whose words do not stand in `seen`: what is measured is never trained on."""
    known = {_key(row.text) for row in seen}
    return [row for row in rows if _key(row.text) not in known]


def _key(text: str) -> str:
    return " ".join(word for word in words(printable(text)) if word.isalpha() and word not in ("zuser", "zurl"))
