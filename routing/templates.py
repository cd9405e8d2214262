"""What a message says: one file a template and language, one frame a language around all of them.

`templates/<template>.<language>.toml` has what is particular to an intent, `templates/_frame.<language>.toml`
who writes, about what, how to answer and how to say stop. Texts are plain. Values are put in once, by a
sandbox, and never evaluated. Nothing tells where we heard of the trouble: a message speaks of the order,
or of the recent experience, and of difficulties only as "if".
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

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
    template: str, language: str, facts: Facts, channel: str = "email", otherwise: str = "en"
) -> tuple[str, str]:
    """Subject and body for a channel; short channels have no subject and at most 320 characters.

    A language without templates is replaced by `otherwise`. Raises Misconfigured for an unknown template.
    """
    spoken = _spoken(language, otherwise)
    frame = _load(f"_frame.{spoken}", FRAME)
    parts = _load(f"{template}.{spoken}", PARTS)  # an unknown name is an error also where it is not shown
    if facts.discreet:
        parts = _load(f"{DISCREET}.{spoken}", PARTS)
    facts = _harmless(facts)
    if channel in LONG_FORM:
        values = _values(frame, parts, facts)
        return one_line(_put(parts["subject"], values)), _body(frame, values)
    return "", _short(f"{template}.{spoken}", frame, parts, facts)


def render_claim(part: str, language: str, brand: str, values: Mapping[str, str], otherwise: str = "en") -> str:
    """A text of a claim: the `reply` with the link (with `reply_subject` where it is a mail; `reply_short` where there
    is little room), the `letter` (with `subject`) or the `short` message with the code.

    It says nothing of any customer: `values` are an address of ours and spans of time.
    """
    table = _load(f"_claim.{_spoken(language, otherwise)}", CLAIM_PARTS)
    text = _put(table[part], {"brand": one_line(brand)[: LONGEST["brand"]], **values})
    return plain_text(text).strip() + "\n" if part == "letter" else one_line(text)


def template_names() -> frozenset[str]:
    """Every template that is there in some language."""
    return frozenset(name for name, _ in _files() if not name.startswith("_"))


def languages() -> frozenset[str]:
    """Every language that has a frame."""
    return frozenset(language for name, language in _files() if name == "_frame")


def _files() -> list[tuple[str, str]]:
    return [(name, language) for name, _, language in (path.stem.partition(".") for path in FOLDER.glob("*.toml"))]


def _spoken(language: str, otherwise: str) -> str:
    for wanted in (language, otherwise):
        base = wanted.replace("_", "-").partition("-")[0].lower()
        if base in languages():
            return base
    raise Misconfigured(f"no message can be written in {one_line(language)[:20]!r} or {one_line(otherwise)[:20]!r}")


@cache
def _load(name: str, keys: frozenset[str]) -> dict[str, str]:
    path = FOLDER / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"routing/templates/{name}.toml: there is no such template") from None
    except (OSError, ValueError) as error:
        raise Misconfigured(f"routing/templates/{name}.toml: {error}") from error
    if table.keys() != keys or not all(isinstance(value, str) for value in table.values()):
        raise Misconfigured(f"routing/templates/{name}.toml: must have the texts {', '.join(sorted(keys))}")
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


def _values(frame: dict[str, str], parts: dict[str, str], facts: Facts) -> dict[str, str]:
    """Everything that a text may name: the facts, then the frame's phrases, then the template's."""
    values = {name: getattr(facts, name) or "" for name in LONGEST}
    for name in ("sender", "greeting", "matter"):
        values[name] = one_line(_put(frame[name], values))
    for name in ("concern", "ask", "short"):
        values[name] = one_line(_put(parts[name], values))
    return values


def _body(frame: dict[str, str], values: dict[str, str]) -> str:
    return plain_text(_put(frame["letter"], values)).strip() + "\n"


def _short(name: str, frame: dict[str, str], parts: dict[str, str], facts: Facts) -> str:
    """The short form; where it is too long, first the order and then the name are left out."""
    bare = replace(facts, order="", product="")
    for told in (replace(facts, product=""), bare, replace(bare, first_name="")):
        text = one_line(_put(frame["short_message"], _values(frame, parts, told)))
        if len(text) <= SHORT_LENGTH:
            return text
    raise Misconfigured(f"routing/templates/{name}.toml: the short form exceeds {SHORT_LENGTH} characters")


@cache
def _compiled(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


def _put(text: str, values: dict[str, str]) -> str:
    try:
        return _compiled(text).render(values)
    except TemplateError as error:
        raise Misconfigured(f"routing/templates: {error.message or type(error).__name__}") from error
