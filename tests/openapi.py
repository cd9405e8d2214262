"""Requests held against what the vendors publish of their APIs.

`tests/contract/openapi/NAME.toml` are facts that we keep by hand, each with its source and the day it was read: method,
path, kind of body, fields that must be there, fields that may be, and how their values look. What is in none of them is a
mistake, as the vendors' own documents say (`additionalProperties`) or as their APIs do.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.server import Request

FOLDER = Path(__file__).parent / "contract" / "openapi"


def problems(document: str, request: Request) -> list[str]:
    """What is wrong with a request, empty where nothing is."""
    told = tomllib.loads((FOLDER / f"{document}.toml").read_text(encoding="utf-8"))
    found = []
    if request.method != told["method"] or not re.fullmatch(told["path"], request.path):
        found.append(f"{request.method} {request.path} is not {told['method']} {told['path']}")
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind != told["content_type"]:
        found.append(f"content-type {kind} is not {told['content_type']}")
    form = kind == "application/x-www-form-urlencoded"
    body = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) if form else json.loads(request.body)
    return found + _fields(body, told, "")


def _fields(body: Any, told: Mapping[str, Any], place: str) -> list[str]:
    if not isinstance(body, dict):
        return [f"{place or 'the body'} is no object"]
    required, optional = told.get("required", {}), told.get("optional", {})
    known = {**required, **optional}
    found = [f"{place}{name} is missing" for name in required if name not in body]
    found += [f"{place}{name} is unknown" for name in body if name not in known]
    for group in told.get("one_of", []):
        if sum(name in body for name in group) != 1:
            found.append(f"{place}exactly one of {', '.join(group)} must be there")
    for name, value in body.items():
        found += _value(value, known.get(name, "any"), f"{place}{name}")
    return found


def _value(value: Any, wanted: Any, place: str) -> list[str]:
    if isinstance(wanted, dict):
        return _fields(value, wanted, f"{place}.")
    if wanted == "any":
        return []
    if wanted == "list":
        return [] if isinstance(value, list) else [f"{place} is no list"]
    if wanted == "boolean":
        return [] if isinstance(value, bool) else [f"{place} is no boolean"]
    fits = isinstance(value, str | int) and re.fullmatch(str(wanted), str(value), re.DOTALL)
    return [] if fits else [f"{place} does not look as {wanted}"]
