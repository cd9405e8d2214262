"""`vigie evaluate`: how well a reading model does on labelled texts, with the bounds of each figure."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.base import (
    BrandOption,
    ConfigOption,
    JsonOption,
    messages,
    output,
    print_json,
    results,
    settings_in_force,
    warn,
)
from config.wiring import App
from domain.errors import BadInput
from domain.post import Rejected
from listeners.records import Row, read_rows
from models.assessment import ask, assess
from models.heads import HEADS
from models.labelled import Labelled, LabelNames, NotLabelled, UnknownLabel, head_named, label_mapping
from models.reader import load_reader

SHOWN = 10


@dataclass
class LabelledFile:
    """The rows of a file that can be used, and what became of the others."""

    rows: list[Labelled] = field(default_factory=list)
    left_out: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: Row | Rejected, names: LabelNames) -> None:
        """Sort one row into its place."""
        if isinstance(row, Rejected):
            self.bad.append((row.line or 0, row.reason))
            return
        try:
            labelled = names.row(row.values)
        except NotLabelled as error:
            self.bad.append((row.line, str(error)))
        except UnknownLabel as error:
            self.unknown[str(error)] += 1
        else:
            self.left_out += labelled is None
            self.rows += [labelled] if labelled else []

    def as_dict(self) -> dict[str, Any]:
        """What was not used, for JSON."""
        bad = [{"line": line, "reason": reason} for line, reason in self.bad]
        return {"left_out": self.left_out, "unknown_labels": dict(self.unknown.most_common()), "bad_rows": bad}


def evaluate(
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet, each also .gz.", show_default=False)],
    task: Annotated[str, typer.Option("--task", help=f"Of {', '.join(HEADS)}.", show_default=False)],
    model: Annotated[Path | None, typer.Option("--model", help="The folder of another model.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help='Their labels to ours: "a=negative,b=positive,c=,*=neutral", or a TOML or JSON file.'
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the figures here too, as JSON.")] = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Figures on labelled texts: `text`, and `label` or our own field names; optional `lang` and `brand`.

    Intervals cover 95 of 100 redrawn samples.
    """
    names = LabelNames(head_named(task), label_mapping(labels))
    app = App(settings_in_force(config))
    owner = app.brand(brand)
    found = _read(file, names)
    if task == "about_brand" and not owner.names and not all(row.brand for row in found.rows):
        raise BadInput(f"{file}: about which brand? give a `brand` in each row, or [brand] name in the settings")
    reader = load_reader(model) if model is not None else app.reader
    with _progress(len(found.rows)) as advance:
        answers = ask(reader, found.rows, task, owner, advance)
    told = {"file": str(file), "task": task, "model": reader.name, **assess(answers), **found.as_dict()}
    if out is not None:
        with output(out) as stream:
            print_json(told, stream)
    if json:
        print_json(told)
    else:
        for table in tables(told):
            results.print(table)


def tables(told: dict[str, Any]) -> Iterator[Table]:
    """The figures for people."""
    head = Table("figure", "value", title=f"{told['task']}, {told['rows']} rows, {told['model']}", title_justify="left")
    for name in ("macro_recall", "macro_f1", "accuracy"):
        head.add_row(name.replace("_", " "), _interval(told[name]))
    head.add_row("calibration error", f"{told['calibration_error']:.3f}")
    head.add_row("accuracy on the surest 80 %", f"{told['accuracy_on_surest']['accuracy']:.3f}")
    rest = told["abstained"]["accuracy_on_rest"]
    head.add_row("would ask a person", f"{told['abstained']['share']:.1%}")
    head.add_row("accuracy on the rest", "–" if rest is None else f"{rest:.3f}")
    yield head
    classes = Table("label", "precision", "recall", "F1", "rows", title="By label", title_justify="left")
    for label, one in told["classes"].items():
        figures = (f"{one[name]:.3f}" for name in ("precision", "recall", "f1"))
        classes.add_row(label, *figures, str(one["support"]))
    yield classes
    languages = Table(
        "language", "rows", "macro recall", "macro F1", "accuracy", title="By language", title_justify="left"
    )
    for lang, one in told["languages"].items():
        figures = (_short(one[name]) if name in one else "–" for name in ("macro_recall", "macro_f1", "accuracy"))
        languages.add_row(lang, str(one["rows"]), *figures)
    yield languages
    if told["confusions"]:
        wrong = Table("truly", "said", "rows", title="Commonest confusions", title_justify="left")
        for one in told["confusions"]:
            wrong.add_row(one["truth"], one["said"], str(one["count"]))
        yield wrong


def _read(file: Path, names: LabelNames) -> LabelledFile:
    found = LabelledFile()
    for row in read_rows(file, ("text",)):
        found.add(row, names)
    if found.unknown:
        shown = ", ".join(f"{label!r} ({count})" for label, count in found.unknown.most_common(SHOWN))
        more = f" and {len(found.unknown) - SHOWN} more" if len(found.unknown) > SHOWN else ""
        count = f"{found.unknown.total()} rows left out"
        warn(f"{file}: {count}, labels unknown to {names.head}: {shown}{more}; see --labels")
    if found.bad:
        shown = "; ".join(f"line {line}: {reason}" for line, reason in found.bad[:SHOWN])
        warn(f"{file}: {len(found.bad)} bad rows left out: {shown}{' …' if len(found.bad) > SHOWN else ''}")
    if not found.rows:
        raise BadInput(f"{file}: no row of it can be used for {names.head}")
    return found


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        yield lambda count: progress.advance(bar, count)


def _interval(told: dict[str, float]) -> str:
    return f"{told['value']:.3f} ({told['low']:.3f} to {told['high']:.3f})"


def _short(told: dict[str, float]) -> str:
    return f"{told['value']:.3f} ({told['low']:.2f}–{told['high']:.2f})"
