"""The card beside the weights: what the model was made of, what it can do, and what it cannot."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.entities import MAX_SCAN
from models.heads import CHOICES, YES_NO
from models.session import CARD_FILE, CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE
from models.text import MAX_CHARACTERS
from models.training.agreement import Agreement
from models.training.data import TUNE_SECTORS
from models.training.examples import MAX_PIECES
from models.training.export import NAME
from models.training.measure import Class, Doubt, Measured, Speed
from models.training.plot import calibration_plot
from models.training.rows import Row
from models.training.sets import Task

PLOT_FILE = "calibration.svg"
TEACHER_LICENCE = "Weights to start from: all-MiniLM-L6-v2 (Apache-2.0)."
LICENCES = {
    "own_extra": "labelled by the user",
    "own": "the project's own corpus, Apache-2.0 as the project",
    "semeval": "SemEval 2013-2016 task 4, tweets under Twitter's terms",
    "tweeteval": "TweetEval irony, no restrictions beyond Twitter's",
    "umsab": "UMSAB (XLM-T), Apache-2.0",
    "banking77": "Banking77, CC BY 4.0",
    "clinc150": "CLINC150, CC BY 3.0",
    "hint3": "HINT3, ODbL",
    "nlupp": "NLU++, CC BY 4.0",
    "bitext": "Bitext customer support, CDLA-Sharing 1.0",
    "isarcasm": "iSarcasm, MIT",
    "sms": "SMS Spam Collection, CC BY 4.0",
    "tatoeba": "Tatoeba sentences and pairs, CC BY 2.0 FR",
    "en-": "Tatoeba (CC BY 2.0 FR) and Mozilla (MPL 2.0) pairs",
    "commonvoice": "Common Voice sentences, CC0",
}
PAIR_LICENCES = (
    "Translation pairs: Tatoeba (CC BY 2.0 FR), DiaBLa (CC BY-SA 4.0), Mozilla (MPL 2.0), CDS Notify (MIT), "
    "GNOME help (CC BY 3.0), Django documentation (as Django). The vocabulary was also drawn from public-domain "
    "French dialogue, XPersona (MIT) and Universal Dependencies (CC BY-SA 4.0)."
)
WEAKNESSES = """\
- Sentiment is learned from English tweets about anything; French has 1,800 labelled tweets (on climate), the own
  corpus, and what the English labels say of sentences that stand where their translations stand.
- The own corpus was written, not gathered, by few hands: what they did not think of, it does not know. Figures on its
  unseen sectors say how well the labels carry over to another trade, not to other writers; the public sets say that.
- A text that names no brand is judged not to be about the one that asks; replies in the brand's own thread
  need the thread, which this model does not see.
- Homonyms are told apart by the words around a mark; a short text without context stays a guess.
- The floor for products has no labelled data behind it: it is the lesser of 0.9 and the share measured for accounts.
- German, Spanish, Italian and Portuguese are recognised, and read for sentiment from 1,800 tweets each; their intents
  and flags were never measured.
- Rates, weights and the weak complaint label were chosen with earlier cards in view: the figures of the public sets
  flatter a little.
- Escalation and irony have few rows to learn from; a threat in unusual words is missed."""


@dataclass(frozen=True)
class Report:
    """Everything that the card tells, measured in the run that made the weights."""

    folder: Path
    rows: Sequence[Row]
    measured: Sequence[Measured]
    exact: Sequence[float]
    doubts: Sequence[Doubt]
    classes: Sequence[Class]
    reliability: Sequence[dict[str, object]]
    agreement: Sequence[Agreement]
    urgent: dict[str, float]
    languages: float
    speeds: dict[int, Speed]
    minutes: float
    settings: dict[str, object] = field(default_factory=dict)


def write_card(report: Report) -> None:
    """`card.md` in the folder of the weights, and the plot that it shows."""
    (report.folder / PLOT_FILE).write_text(calibration_plot(report.reliability), encoding="utf-8")
    parts = (
        _head(report),
        _data(report),
        _figures(report),
        _classes(report),
        _doubts(report),
        _speed(report),
        _how(report),
    )
    text = "\n\n".join((*parts, f"## Known weaknesses\n\n{WEAKNESSES}")) + "\n"
    (report.folder / CARD_FILE).write_text(text, encoding="utf-8")


def _head(report: Report) -> str:
    heads = ", ".join(f"{head} ({len(labels)})" for head, labels in CHOICES.items())
    return (
        f"# {NAME}: the shipped reading model\n\n"
        f"Reads a post in French or English: {heads}, and the flags {', '.join(YES_NO)}. Made by "
        "`vigie train --data FOLDER --out FOLDER`; this page is written by the same command. Figures are "
        "followed by their 95 % bootstrap intervals."
    )


def _data(report: Report) -> str:
    counts = Counter(row.source for row in report.rows)
    rows = [(name, count, _licence(name)) for name, count in sorted(counts.items())]
    own = sum(count for name, count in counts.items() if name.startswith("own_"))
    table = _table("set | rows trained on | licence", rows)
    return (
        f"## Data\n\n{table}\n\n{own} of these rows are the project's own. {PAIR_LICENCES} {TEACHER_LICENCE}\n\n"
        "Never trained on: the sectors insurance and food delivery and two ambiguous names of the own corpus, the "
        "validation files, and all sets of the first ten lines below whose licence allows no training; rows whose "
        "words stand in a validation file were taken out." + _agreement(report)
    )


def _agreement(report: Report) -> str:
    if not report.agreement:
        return ""
    rows = [(one.head, *_three(one.equal, one.kappa, one.macro_f1)) for one in report.agreement]
    return (
        f"\n\n{report.agreement[0].rows} own rows were labelled a second time, blind, by the same guide; so far the "
        "two agree, and no model can be asked for more:\n\n" + _table("label | equal | Cohen's kappa | macro F1", rows)
    )


def _licence(name: str) -> str:
    return next(text for start, text in LICENCES.items() if name.startswith(start))


def _figures(report: Report) -> str:
    rows = [
        (*_of(one.task), one.network, one.linear, f"{exact - one.network.value:+.3f}", _target(one))
        for one, exact in zip(report.measured, report.exact, strict=True)
    ]
    better = sorted({one.task.head for one in report.measured if one.linear.value > one.network.value + 0.01})
    lost = np.mean([exact - one.network.value for one, exact in zip(report.measured, report.exact, strict=True)])
    return (
        "## Figures\n\n"
        + _table("set | head | figure | rows | network | linear | in 32 bits | aim", rows)
        + "\n\nThe linear model (word and letter n-grams, TF-IDF, one classifier a head) saw the same rows, without "
        "glosses and noise, weak labels at full weight. It is ahead by more than a point somewhere in: "
        + (", ".join(better) or "no head")
        + f". Eight bits cost {100 * lost:.2f} points in the mean (aim: at most 0.5).\n\nHigh urgency, recall at "
        f"precision 0.5: {_by_language(report.urgent)} (aim 0.85). Language of the own rows kept apart: "
        f"{report.languages:.3f} right."
    )


def _classes(report: Report) -> str:
    rows = [
        (one.head, one.lang, one.label, told.support, *_three(told.precision, told.recall, told.f1))
        for one, told in ((one, one.figures) for one in report.classes)
    ]
    table = _table("head | language | label | rows | precision | recall | F1", rows)
    return f"## By class\n\nOn the own rows kept apart.\n\n{table}"


def _table(names: str, rows: Iterable[Sequence[object]]) -> str:
    """In Markdown; `names` are those of its columns, bars between them."""
    under = " | ".join("---" for _ in names.split("|"))
    return "\n".join(f"| {line} |" for line in (names, under, *(" | ".join(map(str, row)) for row in rows)))


def _three(*figures: float) -> tuple[str, ...]:
    """With three places."""
    return tuple(f"{figure:.3f}" for figure in figures)


def _of(task: Task) -> tuple[object, ...]:
    return task.title, task.head, task.measure, len(task.rows)


def _target(one: Measured) -> str:
    if one.task.target is None:
        return ""
    return f"{one.task.target:.2f}, {'reached' if one.network.value >= one.task.target else 'missed'}"


def _by_language(values: dict[str, float]) -> str:
    return ", ".join(f"{lang} {value:.2f}" for lang, value in values.items())


def _doubts(report: Report) -> str:
    rows = [
        (one.head, one.lang, one.count, *_three(one.calibration_error, one.accuracy, one.surest))
        for one in report.doubts
    ]
    missed = sum(one.calibration_error > 0.04 for one in report.doubts)
    return (
        "## Doubt\n\nOn the own rows kept apart. Temperatures, biases and thresholds of abstention were chosen on two "
        f"other sectors that are never trained on ({', '.join(TUNE_SECTORS)}) and a tenth of the homonyms and spam. "
        f"{missed} of {len(report.doubts)} miss the aim of 0.04.\n\n![how sure, how often right]({PLOT_FILE})\n\n"
        + _table("head | language | rows | calibration error | accuracy | on the surest 80 %", rows)
    )


def _speed(report: Report) -> str:
    sizes = {name: (report.folder / name).stat().st_size for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE)}
    total = sum(sizes.values()) / 1e6
    speeds = ", ".join(
        f"{one.by_clock:.0f} with {threads} thread(s) ({one.by_processor:.0f} a second of processor time)"
        for threads, one in report.speeds.items()
    )
    return (
        f"## Size and speed\n\n{total:.1f} MB in all ({', '.join(f'{n} {s / 1e6:.2f}' for n, s in sizes.items())}).\n\n"
        f"Posts a second from text to reading, entities included: {speeds}, on a shared machine of two cores while "
        f"other work ran. The first {MAX_CHARACTERS} characters and {MAX_PIECES} pieces of a post are read for its "
        f"meaning, the first {MAX_SCAN} characters for entities. Texts of one length run together, with scales that "
        "are fixed, so a reading never depends on its neighbours."
    )


def _how(report: Report) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in report.settings.items())
    return (
        "## How it was made\n\nThree of MiniLM's six layers under a vocabulary of its English pieces that posts use "
        "and new ones for French (accents kept), signs and emoji; a new piece starts from the English words that "
        "translate it. First every French sentence had to land where the English model puts its translation, and "
        "English ones and tweets where it puts them (a third of the French ones written as people in a hurry write). "
        "Then all heads learned together, from the mean, the largest and the brand's neighbourhood of the last layer; "
        "beside them hashed words, word pairs and letter runs without accents. Both parts learn for themselves, and "
        "their logits are added. What the network says of an English sentence it had to say of its French translation. "
        "Rows were also shown with noise (no accents, short forms, capitals, slips, order numbers, handles) and "
        "glossed word for word into the other language by a lexicon learned from the pairs. The name of the brand is "
        "masked, so that homonyms are told by context and new brands need no training. A tweet's sentiment stands, at "
        "little weight, for the complaint flag that public tweets lack. At the end the sentiment's last layer was "
        "fitted again, its labels balanced within each source. Products, attention and tables were then brought to "
        f"eight bits. {report.minutes:.0f} minutes over all starts, on two shared cores; {settings}."
    )
