"""Settings of what is written in a running case and after it: words, surveys, journeys, the customer's next words."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.section import Section
from domain.after import BAD_SCORES, SURVEY_SCALES

Days = Annotated[float, Field(gt=0, le=3660)]


class TemplatesSettings(Section):
    """Words of your own: a folder with files of the same names as the shipped ones (`docs/words.md`)."""

    folder: str = ""
    hosts: tuple[str, ...] = ()

    def place(self, root: Path) -> Path | None:
        """The folder, None where there is none."""
        return (root / self.folder).absolute() if self.folder else None


class SurveySettings(Section):
    """The question after a case is resolved (`docs/after.md`); it needs `claims.base_url`, where its page is open."""

    kind: Literal["none", "csat", "nps", "effort"] = "csat"
    delay_hours: float = Field(24.0, ge=0, le=24 * 60)
    per_customer_days: float = Field(30.0, ge=0, le=3660)
    open_days: Days = 30.0
    change_days: float = Field(7.0, ge=0, le=366)
    bad_score: int = Field(-1, ge=-1, le=10)
    reopens: bool = True

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        if self.kind != "none" and self.bad_score > SURVEY_SCALES[self.kind][1]:
            raise ValueError(f"bad_score: {self.kind} goes up to {SURVEY_SCALES[self.kind][1]}")
        return self

    @property
    def bad(self) -> int:
        """The highest score that counts as bad."""
        return self.bad_score if self.bad_score >= 0 else BAD_SCORES.get(self.kind, -1)


class JourneysSettings(Section):
    """When a customer's way with the brand counts as broken (`docs/after.md`)."""

    answer_hours: float = Field(24.0, gt=0, le=24 * 60)
    again_days: Days = 14.0
    passes: int = Field(2, ge=1, le=20)
    promise_days: Days = 7.0
    grace_hours: float = Field(24.0, ge=0, le=24 * 60)
    history_days: Days = 365.0


class OutcomesSettings(Section):
    """How long the customer's public words are followed after his case was resolved."""

    days: float = Field(30.0, ge=0, le=366)
