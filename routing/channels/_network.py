"""What the networks' own channels share: a public reply to a post, or a message to one account.

A message with `reply_to` (the native id of a post) is a public reply: `extra["post"]` tells of that post what the
database knows when it is handed over (`routing/in_place.py`). One without goes to the account `address` alone.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from domain.errors import Misconfigured, Permanent
from domain.message import OutgoingMessage
from listeners.wire import Answer
from routing.channels._http import told
from routing.channels._mime import safe_id
from routing.channels.base import Gone, Handed, Surroundings
from routing.plain import plain_text

# An @ that could call somebody: the sign is kept, and a word joiner (U+2060) after it calls nobody.
_CALL = re.compile(r"(?<!\w)@(?=\w)")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Target:
    """The post that is answered. `account` and `handle` are its author's, `attributes` what the network told."""

    id: str
    account: str = ""
    handle: str = ""
    conversation: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Already:
    """The provider has this message: nothing is left to hand over."""

    provider_id: str

    def hand_over(self) -> Handed:
        """Nothing."""
        return Handed(self.provider_id)


def target(message: OutgoingMessage) -> Target | None:
    """The post that a message answers, None where it answers none."""
    if not message.reply_to:
        return None
    told = message.extra.get("post")
    post = told if isinstance(told, Mapping) else {}
    attributes = post.get("attributes")
    words = {name: str(post.get(name) or "") for name in ("account", "handle", "conversation")}
    return Target(message.reply_to, attributes=attributes if isinstance(attributes, Mapping) else {}, **words)


def replaces(message: OutgoingMessage) -> bool:
    """Whether a person wants this answer in the place of the one that stands there."""
    return message.extra.get("replaces") is True


def words(message: OutgoingMessage, limit: int | None, length: Callable[[str], int]) -> str:
    """The text as it is posted: harmless, calling nobody. Raises Permanent where it is empty or too long."""
    safe_id(message.id)
    text = _CALL.sub("@\u2060", plain_text(message.body)).strip()
    if not text:
        raise Permanent("there is no text to post")
    if limit is not None and length(text) > limit:
        raise Permanent(f"the text is too long: {length(text)} of at most {limit}")
    return text


def language(message: OutgoingMessage) -> str | None:
    """The language of the text (ISO 639), None where it is none."""
    base = message.language.replace("_", "-").partition("-")[0].lower()
    return base if _LANGUAGE.fullmatch(base) else None


def gone(answer: Answer, what: str) -> Gone | None:
    """That a post was deleted, where the network itself says so: a page of a proxy says nothing of it."""
    is_told = answer.status_code in (404, 410) and bool(told(answer))
    return Gone(f"the {what} was deleted, or is not shown to us") if is_told else None


def only_replies(message: OutgoingMessage) -> Target:
    """The post that is answered, where the network knows no other message. Raises Permanent."""
    post = target(message)
    if post is None:
        raise Permanent("this network takes answers to reviews only")
    return post


def key_text(around: Surroundings, section: str, file: str, variable: str) -> str:
    """The text of a private key: of the file of `key_file`, or of the variable of `key_env`. Raises Misconfigured."""
    if not file:
        return secret(around, section, "key_env", variable).get_secret_value()
    try:
        return around.path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise Misconfigured(f"{section}.key_file {file!r}: {why}") from None


def word(around: Surroundings, section: str, name: str, variable: str) -> SecretStr:
    """A secret that stands in a header. Raises Misconfigured, too, where it holds signs that no header takes."""
    found = secret(around, section, name, variable)
    plain = found.get_secret_value()
    if not (plain.isascii() and plain.isprintable()):
        raise Misconfigured(f"{section}.{name}: {variable} holds signs that no such secret has")
    return found


def secret(around: Surroundings, section: str, name: str, variable: str) -> SecretStr:
    """A secret from the environment. Raises Misconfigured where the setting or the variable is missing."""
    if not variable:
        raise Misconfigured(f"{section}.{name} is not set: it names the environment variable that holds the secret")
    value = (around.secret(variable) or "").strip()
    if not value:
        raise Misconfigured(f"{section}.{name}: there is no environment variable {variable}")
    return SecretStr(value)
