"""Frames of a Jetstream filtered by three hundred terms on one core."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from atproto_jetstream import parse_subscribe_events_message
from atproto_jetstream.models import parse_frame

from benchmarks import _samples
from benchmarks._report import Section, one_core, seconds
from domain.post import Upsert
from listeners.bluesky.frames import FrameFilter
from listeners.query import Query, parse_query

PASSES = 3

Filter = Callable[[bytes], bool]


class _Record(msgspec.Struct):
    text: str = ""


class _Commit(msgspec.Struct):
    operation: str = ""
    collection: str = ""
    record: _Record | None = None


class _Frame1(msgspec.Struct):
    commit: _Commit | None = None


class _Frame2(msgspec.Struct):
    payload: _Commit | None = None


def measure(count: int) -> Iterator[Section]:
    """One section a version of the wire."""
    wanted = parse_query(" OR ".join(term if term[0] in "#@" else f'"{term}"' for term in _samples.terms()))
    for version in (2, 1):
        frames = _samples.frames(count, version)
        with one_core():
            yield _section(frames, version, wanted)


def _section(frames: Sequence[bytes], version: int, wanted: Query) -> Section:
    size = sum(map(len, frames)) / len(frames)
    title = f"Jetstream {version}: {len(frames):,} frames of {size:,.0f} bytes, {len(_samples.terms())} terms, one core"
    section = Section(title, "frames/s")
    events = FrameFilter(wanted, version).events
    _add(section, "vigie", frames, lambda frame: any(_is_new(event) for event in events(frame)))
    _add(section, "json.loads, one re of all terms", frames, _by_re(version))
    if version == 2:
        _add(section, "atproto SDK, any(term in text)", frames[: len(frames) // 4], _by_sdk())
    decode = msgspec.json.Decoder(_Frame1 if version == 1 else _Frame2).decode
    _add(section, "limit: msgspec decodes, no search", frames, lambda frame: bool(decode(frame)) and False)
    return section


def _add(section: Section, name: str, frames: Sequence[bytes], is_wanted: Filter) -> None:
    """The best of some passes, since others use the machine too."""
    best = min(seconds(lambda: sum(map(is_wanted, frames))) for _ in range(PASSES))
    found = sum(map(is_wanted, frames))
    section.add(name, len(frames) / best, f"{found} posts of {len(frames):,} frames" if found else "")


def _is_new(event: Any) -> bool:
    return isinstance(event, Upsert) and event.post.edited_at is None


def _by_re(version: int) -> Filter:
    """What one writes first: it knows neither words nor accents."""
    search = re.compile("|".join(map(re.escape, _samples.terms())), re.IGNORECASE).search

    def is_wanted(frame: bytes) -> bool:
        told = json.loads(frame)
        commit = told.get("commit", {}) if version == 1 else told["payload"]
        is_post = commit.get("operation") == "create" and commit["collection"] == _samples.POSTS
        return is_post and search(commit["record"]["text"]) is not None

    return is_wanted


def _by_sdk() -> Filter:
    """The models of the official library, and its users' usual search."""
    terms = [term.lower() for term in _samples.terms()]

    def is_wanted(frame: bytes) -> bool:
        commit: Any = parse_subscribe_events_message(parse_frame(frame))
        if getattr(commit, "operation", "") != "create" or commit.collection != _samples.POSTS:
            return False
        text = commit.record.text.lower()
        return any(term in text for term in terms)

    return is_wanted
