"""The list of intents, read from `intents.toml`: the one place where they are defined."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from domain.errors import Misconfigured
from domain.journey import MOMENTS
from domain.reading import Intent

INTENTS_FILE = Path(__file__).with_name("intents.toml")
SEVERITIES = ("high", "normal", "low")


@cache
def load_intents(path: Path = INTENTS_FILE) -> dict[str, Intent]:
    """Every intent by its id, in the order of the file; a block that is not one is refused."""
    try:
        blocks = tomllib.loads(path.read_text(encoding="utf-8"))["intent"]
        intents = [_intent(block) for block in blocks]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{path.name}: not a list of intents ({error})") from error
    return {intent.id: intent for intent in intents}


def _intent(block: dict[str, Any]) -> Intent:
    intent = Intent(**{**block, "examples": tuple(block["examples"])})
    if intent.severity not in SEVERITIES or intent.moment not in MOMENTS:
        raise ValueError(f"{intent.id}: unknown severity or moment")
    return intent
