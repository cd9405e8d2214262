"""What a message says: one file a template and language, one frame a language around all of them.

`templates/<template>.<language>.toml` has what is particular to an intent, `templates/_frame.<language>.toml`
who writes, about what, how to answer and how to say stop. Texts are plain. Values are put in once, by a
sandbox, and never evaluated. Nothing tells where we heard of the trouble: a message speaks of the order,
or of the recent experience, and of difficulties only as "if".

A file may have a table `[on.CHANNEL]` with other words for some of its texts there. An operator's own folder
(`[templates] folder`) has files of the same names; what they say holds in place of what is shipped (`docs/words.md`).
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from domain.errors import Misconfigured
from routing.plain import one_line, plain_text

FOLDER = Path(__file__).with_name("templates")
LONG_FORM = frozenset({"email", "letter", "in_app"})
SHORT_LENGTH = 320
PARTS = frozenset({"subject", "concern", "ask", "short"})
FRAME = frozenset({"sender", "greeting", "matter", "letter", "short_message"})
DISCREET = "mention_other"
CLAIM_PARTS = frozenset({"reply", "reply_short", "reply_subject", "subject", "letter", "short"})
WHOLE = frozenset({"subject", "letter", "short_message"})  # the texts of a template with a frame of its own
LONGEST = {"brand": 40, "reference": 24, "first_name": 30, "order": 40, "product": 80}

# Plain text, never HTML: nothing to escape.
_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message may say of a case, from the brand's own records, never from what somebody wrote in public.

    `discreet`: other people may read along (a shared address or number); nothing then tells what it is about.
    """

    brand: str
    reference: str
    first_name: str | None = None
    order: str | None = None
    product: str | None = None
    discreet: bool = False


def render(
    template: str,
    language: str,
    facts: Facts,
    channel: str = "email",
    otherwise: str = "en",
    folder: Path | None = None,
) -> tuple[str, str]:
    """Subject and body for a channel; short channels have no subject and at most 320 characters.

    `folder` has an operator's own words. A language without templates is replaced by `otherwise`. Raises Misconfigured
    for an unknown template.
    """
    spoken = _spoken(language, otherwise)
    frame = texts(f"_frame.{spoken}", FRAME, channel, folder)
    parts = texts(f"{template}.{spoken}", PARTS, channel, folder)  # an unknown name is an error also where not shown
    if facts.discreet:
        parts = texts(f"{DISCREET}.{spoken}", PARTS, channel, folder)
    facts = _harmless(facts)
    if channel in LONG_FORM:
        values = _values(frame, parts, facts)
        return one_line(_put(parts["subject"], values)), _body(frame["letter"], values)
    short = _short(f"{template}.{spoken}", frame["short_message"], frame, parts, facts, {}, SHORT_LENGTH)
    return "", short


def render_claim(
    part: str, language: str, brand: str, values: Mapping[str, str], otherwise: str = "en", folder: Path | None = None
) -> str:
    """A text of a claim: the `reply` with the link (with `reply_subject` where it is a mail; `reply_short` where there
    is little room), the `letter` (with `subject`) or the `short` message with the code.

    It says nothing of any customer: `values` are an address of ours and spans of time.
    """
    table = texts(f"_claim.{_spoken(language, otherwise)}", CLAIM_PARTS, "", folder)
    text = _put(table[part], {"brand": one_line(brand)[: LONGEST["brand"]], **values})
    return plain_text(text).strip() + "\n" if part == "letter" else one_line(text)


def render_whole(
    name: str,
    phrases: frozenset[str],
    language: str,
    facts: Facts,
    values: Mapping[str, str],
    channel: str,
    *,
    longest: int = SHORT_LENGTH,
    otherwise: str = "en",
    folder: Path | None = None,
) -> tuple[str, str]:
    """Subject and body of a template that is a whole message: `_<name>.<language>.toml` has `subject`, `letter`,
    `short_message` and the `phrases` that it may need.

    `values` are put in once, as they are: where one may span lines it stands in the long form as it is. Raises
    Misconfigured where even the shortest form exceeds `longest` characters.
    """
    spoken = _spoken(language, otherwise)
    frame = texts(f"_frame.{spoken}", FRAME, channel, folder)
    parts = texts(f"_{name}.{spoken}", WHOLE | phrases, channel, folder)
    facts = _harmless(facts)
    if channel in LONG_FORM:
        told = {**_values(frame, {}, facts), **values}
        return one_line(_put(parts["subject"], told)), _body(parts["letter"], told)
    return "", _short(f"_{name}.{spoken}", parts["short_message"], frame, {}, facts, values, longest)


def phrase(
    name: str,
    phrases: frozenset[str],
    key: str,
    language: str,
    values: Mapping[str, str],
    channel: str = "",
    otherwise: str = "en",
    folder: Path | None = None,
) -> str:
    """One phrase of a whole template, on one line."""
    table = texts(f"_{name}.{_spoken(language, otherwise)}", WHOLE | phrases, channel, folder)
    return one_line(_put(table[key], values))


def template_names(folder: Path | None = None) -> frozenset[str]:
    """Every template that is there in some language."""
    return frozenset(name for name, _ in _files(folder) if not name.startswith("_"))


def languages(folder: Path | None = None, template: str = "_frame") -> frozenset[str]:
    """Every language that a template is there in; those of the frame are the ones that we write."""
    return frozenset(language for name, language in _files(folder) if name == template)


def texts(name: str, keys: frozenset[str], channel: str = "", folder: Path | None = None) -> dict[str, str]:
    """The texts of a file, as they are for a channel. Raises Misconfigured naming the file where one is missing."""
    table = _load(name, keys, folder)
    plain = {key: str(table[key]) for key in keys}
    return {**plain, **table.get("on", {}).get(channel, {})}


def _files(folder: Path | None = None) -> Iterator[tuple[str, str]]:
    for place in (FOLDER, *([folder] if folder else [])):
        for path in place.glob("*.toml"):
            name, _, language = path.stem.partition(".")
            yield name, language


def spoken_language(language: str, otherwise: str = "en") -> str:
    """The language in which a message to somebody of this language is written."""
    return _spoken(language, otherwise)


def _spoken(language: str, otherwise: str) -> str:
    for wanted in (language, otherwise):
        base = wanted.replace("_", "-").partition("-")[0].lower()
        if base in languages():
            return base
    raise Misconfigured(f"no message can be written in {one_line(language)[:20]!r} or {one_line(otherwise)[:20]!r}")


@cache
def _load(name: str, keys: frozenset[str], folder: Path | None = None) -> dict[str, Any]:
    """A file with the operator's own over it."""
    shipped, place = FOLDER / f"{name}.toml", f"routing/templates/{name}.toml"
    own = None if folder is None else folder / f"{name}.toml"
    if own is not None and own.is_file():
        table, place = _read(own, str(own)), str(own)
        table = _over(_read(shipped, place), table) if shipped.is_file() else table
    else:
        table = _read(shipped, place)
    by_channel = table.get("on", {})
    plain = {key: value for key, value in table.items() if key != "on"}
    if plain.keys() != keys or not all(isinstance(value, str) for value in plain.values()):
        raise Misconfigured(f"{place}: must have the texts {', '.join(sorted(keys))}")
    for channel, words in by_channel.items():
        if not words.keys() <= keys or not all(isinstance(value, str) for value in words.values()):
            raise Misconfigured(f"{place}: [on.{channel}] may have the texts {', '.join(sorted(keys))}")
    return table


def _over(shipped: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """What the operator says holds, on every channel for which he says nothing else; what he does not say stays."""
    by_channel: dict[str, dict[str, str]] = {
        channel: {key: value for key, value in words.items() if key not in own}
        for channel, words in shipped.get("on", {}).items()
    }
    for channel, words in own.get("on", {}).items():
        by_channel[channel] = {**by_channel.get(channel, {}), **words}
    return {**shipped, **own, "on": by_channel}


def _read(path: Path, place: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"{place}: there is no such template") from None
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{place}: {error}") from error
    by_channel = table.get("on", {})
    if not isinstance(by_channel, dict) or not all(isinstance(words, dict) for words in by_channel.values()):
        raise Misconfigured(f"{place}: [on] has a table for each channel, as [on.sms]")
    return table


def _harmless(facts: Facts) -> Facts:
    """The facts on one line each and of bounded length; on a shared contact point fewer of them."""
    name = one_line(facts.first_name or "")
    # A "name" that is an address or a link is somebody's attempt to have us send it.
    spoken_name = "" if len(name) > LONGEST["first_name"] or "@" in name or "/" in name or "www." in name else name
    return Facts(
        brand=one_line(facts.brand)[: LONGEST["brand"]],
        reference=one_line(facts.reference)[: LONGEST["reference"]],
        first_name=spoken_name,
        order="" if facts.discreet else one_line(facts.order or "")[: LONGEST["order"]],
        product="" if facts.discreet else one_line(facts.product or "")[: LONGEST["product"]],
        discreet=facts.discreet,
    )


def _values(frame: Mapping[str, str], parts: Mapping[str, str], facts: Facts) -> dict[str, str]:
    """Everything that a text may name: the facts, then the frame's phrases, then the template's."""
    values = {name: getattr(facts, name) or "" for name in LONGEST}
    for name in ("sender", "greeting", "matter"):
        values[name] = one_line(_put(frame[name], values))
    for name in ("concern", "ask", "short"):
        if name in parts:
            values[name] = one_line(_put(parts[name], values))
    return values


def _body(letter: str, values: dict[str, str]) -> str:
    return plain_text(_put(letter, values)).strip() + "\n"


def _short(
    name: str,
    text: str,
    frame: Mapping[str, str],
    parts: Mapping[str, str],
    facts: Facts,
    values: Mapping[str, str],
    longest: int,
) -> str:
    """The short form; where it is too long, first the order and then the name are left out."""
    bare = replace(facts, order="", product="")
    for told in (replace(facts, product=""), bare, replace(bare, first_name="")):
        line = one_line(_put(text, {**_values(frame, parts, told), **values}))
        if len(line) <= longest:
            return line
    raise Misconfigured(f"routing/templates/{name}.toml: the short form exceeds {longest} characters")


@cache
def _compiled(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


def _put(text: str, values: Mapping[str, str]) -> str:
    try:
        return _compiled(text).render(values)
    except TemplateError as error:
        raise Misconfigured(f"routing/templates: {error.message or type(error).__name__}") from error
