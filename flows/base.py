"""What every flow shares: the application, what a step did, when it is tried again, what Prefect shows."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from prefect import Task
from prefect.artifacts import create_table_artifact
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State, TaskRun

from config.load import load_settings
from config.wiring import App
from domain.errors import Transient


@cache
def current_app() -> App:
    """The application of this process, from `VIGIE_CONFIG` and the environment."""
    return App(load_settings(environ=os.environ, secret_block=_secret_block))


def _secret_block(name: str) -> str:
    return str(Secret.load(name).get())  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage did: rows taken, made, left waiting and refused; `made` names what it made.

    `a + b` is one step after the other of the same work; `a.beside(b)` two works.

    `retry_at` is when the rest may be tried again (UTC); `notes` are lines for the operator.
    """

    took: int = 0
    made: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    refused: int = 0
    retry_at: datetime | None = None
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        names = dict.fromkeys([*self.made, *other.made])
        times = [at for at in (self.retry_at, other.retry_at) if at is not None]
        return Outcome(
            took=self.took + other.took,
            made={name: self.made.get(name, 0) + other.made.get(name, 0) for name in names},
            left=other.left,
            refused=self.refused + other.refused,
            retry_at=min(times, default=None),
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
        )

    def beside(self, other: "Outcome") -> "Outcome":
        """With the outcome of other work: what both left is left."""
        return replace(self + other, left=self.left + other.left)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: times as ISO 8601."""
        told = asdict(self)
        told["retry_at"] = None if self.retry_at is None else self.retry_at.isoformat().replace("+00:00", "Z")
        return told


@dataclass(frozen=True, slots=True)
class Retry:
    """When a task is tried again: only after an error that may pass, after these seconds each."""

    delays_seconds: tuple[float, ...] = (1.0, 5.0, 20.0)

    def options(self) -> dict[str, Any]:
        """As Prefect's `@task` takes them."""
        return {
            "retries": len(self.delays_seconds),
            "retry_delay_seconds": list(self.delays_seconds),
            "retry_condition_fn": may_pass,
        }


PATIENT = Retry()


def may_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task may work later; Prefect asks this before it tries again."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def all_steps(step: Callable[[], Outcome]) -> Outcome:
    """Repeat a step until it finds nothing more to take."""
    total = last = step()
    while last.took:
        last = step()
        total += last
    return total


def summary(stages: Mapping[str, Outcome]) -> None:
    """The table of a run, as a Prefect artifact: counts only."""
    rows = [
        {
            "stage": name,
            "took": outcome.took,
            "made": ", ".join(f"{count} {what}" for what, count in outcome.made.items()),
            "left": outcome.left,
            "refused": outcome.refused,
        }
        for name, outcome in stages.items()
    ]
    create_table_artifact(key="vigie-run", table=rows, description="What each stage did")
