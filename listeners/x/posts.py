"""What X tells about a post, as a post. What X calls things stands in `listeners/x/names.py`.

An edit is a new post of X with an id of its own; the ids of all versions are one chain. The id of a post here is
the first of its chain, so that an edit is a new version of the same post.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any

from domain.post import Author, Post, Rejected, Upsert
from listeners.values import SHORT_LIMIT, BadRow, as_count, as_text, clean, parse_time, required
from listeners.x.names import named

NETWORK = "x"
RAW_LIMIT = 10_000
ID = re.compile(r"[0-9]{1,19}", re.ASCII)

# --- answers -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Told:
    """What one answer says. `ids` and `times` are of all items; `posts`, `included` posts and `users` were read."""

    events: list[Upsert] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    posts: int = 0
    included: int = 0
    users: int = 0
    understood: bool = True


def told_by(answer: Mapping[str, Any], own: Collection[str]) -> Told:
    """The posts of an answer, and what is wrong with it. `own` are the brand's handles in lower case.

    `understood` is false where X left out even the times that were asked for: it drops names that it does not
    know without a word.
    """
    data = answer.get("data")
    items = data if isinstance(data, list) else [] if data is None else [data]
    users = {user["id"]: user for user in _included(answer, "users") if isinstance(user.get("id"), str)}
    told = Told(posts=len(items), users=len(users))
    for item in items:
        _add(told, item, users, sorted(own))
    told.included = len({str(post.get("id")) for post in _included(answer, "included")} - set(told.ids))
    told.understood = not items or any(isinstance(item, Mapping) and "created_at" in item for item in items)
    errors = answer.get("errors")
    told.rejected += [problem(error) for error in errors] if isinstance(errors, list) else []
    return told


def _included(answer: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    included = answer.get("includes")
    found = included if isinstance(included, Mapping) else {}
    listed = found.get("users") if name == "users" else named(found, name)
    return (item for item in listed if isinstance(item, Mapping)) if isinstance(listed, list) else iter(())


def _add(told: Told, item: Any, users: Mapping[str, Any], own: list[str]) -> None:
    try:
        if not isinstance(item, Mapping):
            raise BadRow("not an object")
        told.ids.append(_id(item.get("id"), "id"))
        told.times.append(_time(item))
        raw = clean({"post": item, "author": users.get(str(item.get("author_id"))), "own": own}, "post")
        told.events.append(Upsert(post_of(raw), raw))
    except BadRow as error:
        told.rejected.append(Rejected(NETWORK, str(error), as_raw(item)))


def problem(error: Any) -> Rejected:
    """One of the `errors` that X gives beside an answer."""
    said = error if isinstance(error, Mapping) else {}
    reason = said.get("detail") or said.get("title") or said.get("message") or "an error without a word"
    return Rejected(NETWORK, f"X: {reason}"[:SHORT_LIMIT], as_raw(error))


def as_raw(item: Any) -> str:
    """As JSON in ASCII, cut."""
    return json.dumps(item, ensure_ascii=True, default=str)[:RAW_LIMIT]


# --- one post ------------------------------------------------------------------------------------

_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_FIRST_SNOWFLAKE = 1 << 40
_STATUS = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/(\w{1,15})/status/(\d{1,19})", re.ASCII)
_UNKNOWN_LANGUAGES = re.compile(r"und|zxx|q[a-z]{2}")
_LANGUAGES = {"iw": "he", "in": "id"}


def post_of(raw: Mapping[str, Any]) -> Post:
    """The post in `{"post": …, "author": …, "own": […]}`, as X told it. Raises `BadRow`."""
    item, own = raw.get("post"), raw.get("own") or ()
    if not isinstance(item, Mapping):
        raise BadRow("not an object")
    version = _id(item.get("id"), "id")
    chain = _chain(item, version)
    author, written = _author(raw.get("author"), item.get("author_id")), _time(item)
    references = dict(_references(item))
    metrics = _object(item, "public_metrics")
    return Post(
        network=NETWORK,
        id=chain[0],
        text=_text(item),
        created_at=_made_at(chain[0]) or written if len(chain) > 1 else written,
        author=author,
        url=f"https://x.com/{(author and author.handle) or 'i'}/status/{chain[-1]}",
        lang=_language(item.get("lang")),
        edited_at=written if version != chain[0] else None,
        reply_to=references.get("replied_to"),
        conversation=_id_or_none(item.get("conversation_id")),
        repost_of=references.get("retweeted"),
        likes=_count(metrics.get("like_count")),
        reposts=_count(named(metrics, "reposts")),
        replies=_count(metrics.get("reply_count")),
        attributes=_attributes(item, chain, references, set(own)),
    )


def _chain(item: Mapping[str, Any], version: str) -> list[str]:
    """The ids of all versions, oldest first."""
    told = named(item, "versions")
    ids = [id_ for id_ in told if isinstance(id_, str) and ID.fullmatch(id_)] if isinstance(told, list) else []
    return sorted({*ids, version}, key=int)


def _time(item: Mapping[str, Any]) -> datetime:
    """When this version was written; X's ids hold their time too."""
    value = item.get("created_at")
    if value is not None:
        return parse_time(value, "created_at")
    return required(_made_at(_id(item.get("id"), "id")), "created_at")


def _made_at(id_: str) -> datetime | None:
    """The second in which an id was given out (docs.x.com/resources/fundamentals/x-ids)."""
    number = int(id_)
    if not _FIRST_SNOWFLAKE <= number < 1 << 63:
        return None
    return datetime.fromtimestamp(((number >> 22) + _SNOWFLAKE_EPOCH_MS) // 1000, UTC)


def _references(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    told = named(item, "references")
    for reference in told if isinstance(told, list) else []:
        id_ = _id_or_none(reference.get("id")) if isinstance(reference, Mapping) else None
        if id_ is not None and isinstance(reference.get("type"), str):
            yield reference["type"], id_


def _text(item: Mapping[str, Any]) -> str:
    """The whole text with links in full; links to the post's own pictures and to what it quotes are not shown."""
    note = named(item, "note")
    told = note.get("text") if isinstance(note, Mapping) else None
    text = whole = unescape(required(as_text(told if isinstance(told, str) else item.get("text"), "text"), "text"))
    for link in _entities(item, "urls"):
        short, full = link.get("url"), _link(link)
        if isinstance(short, str) and short:
            text = text.replace(short, full or "")
    return text.strip() or whole.strip()


def _entities(item: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    """Of the text, and of the part of a long text that is told apart."""
    for holder in (item, named(item, "note")):
        listed = _object(holder, "entities").get(kind) if isinstance(holder, Mapping) else None
        yield from (entity for entity in listed if isinstance(entity, Mapping)) if isinstance(listed, list) else ()


def _link(entity: Mapping[str, Any]) -> str | None:
    """Where it leads; None where it stands for a picture or for a post."""
    full = entity.get("expanded_url") or entity.get("url")
    if not isinstance(full, str) or entity.get("media_key") or _STATUS.match(full):
        return None
    return full if full.startswith(("https://", "http://")) and len(full) <= 2000 else None


def _attributes(
    item: Mapping[str, Any], chain: list[str], references: Mapping[str, str], own: set[str]
) -> dict[str, Any]:
    """What `verify`, the policies and a reply need. X lets apps reply only to who mentioned or quoted them."""
    named_here = [entity.get("username") for entity in _entities(item, "mentions")]
    mentions = list(dict.fromkeys(name[:SHORT_LIMIT] for name in named_here if isinstance(name, str)))
    links = list(dict.fromkeys(link for link in map(_link, _entities(item, "urls")) if link))
    summoned = "retweeted" not in references and not own.isdisjoint(
        name.lower() for name in (*mentions, *_quoted(item, references.get("quoted")))
    )
    attributes = {
        "version_id": chain[-1],
        "versions": len(chain) if len(chain) > 1 else None,
        "mentions": mentions,
        "addressed": summoned,
        "reply_allowed": summoned,
        "links": links or None,
        "has_link": bool(links),
        "quote_of": references.get("quoted"),
        "sensitive": True if item.get("possibly_sensitive") is True else None,
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _quoted(item: Mapping[str, Any], quoted: str | None) -> Iterator[str]:
    """The handle of whom it quotes, as the link to the quoted post has it."""
    for entity in _entities(item, "urls"):
        found = _STATUS.match(str(entity.get("expanded_url")))
        if found is not None and found[2] == quoted:
            yield found[1]


def _author(user: Any, author_id: Any) -> Author | None:
    """As the answer includes them; known by the id alone where it does not."""
    if not isinstance(user, Mapping):
        id_ = _id_or_none(author_id)
        return None if id_ is None else Author(id_)
    return Author(
        id=_id(user.get("id"), "author.id"),
        handle=_short(user, "username", 50),
        name=_short(user, "name", SHORT_LIMIT),
        bio=_short(user, "description", 5000),
        location=_short(user, "location", SHORT_LIMIT),
        links=_profile_links(user),
        followers=_count(_object(user, "public_metrics").get("followers_count")),
        created_at=_lenient_time(user.get("created_at")),
    )


def _profile_links(user: Mapping[str, Any]) -> tuple[str, ...]:
    entities = _object(user, "entities")
    told = [_object(entities, part).get("urls") for part in ("url", "description")]
    found = [_link(link) for urls in told if isinstance(urls, list) for link in urls if isinstance(link, Mapping)]
    site = user.get("url")
    plain = [site] if isinstance(site, str) and site.startswith("http") and not any(found) else []
    return tuple(dict.fromkeys(link for link in (*found, *plain) if link))


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _short(source: Mapping[str, Any], name: str, limit: int) -> str | None:
    value = source.get(name)
    return unescape(value).strip()[:limit] or None if isinstance(value, str) else None


def _id(value: Any, name: str) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise BadRow(f"{name} must be an id of X (digits), not {str(value)[:80]!r}")
    return value


def _id_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and ID.fullmatch(value) else None


def _count(value: Any) -> int | None:
    try:
        return as_count(value, "count")
    except BadRow:
        return None


def _lenient_time(value: Any) -> datetime | None:
    try:
        return None if value is None else parse_time(value, "created_at")
    except BadRow:
        return None


def _language(value: Any) -> str | None:
    """Without the codes by which X says that it found none; X keeps two codes that ISO 639 has replaced."""
    if not isinstance(value, str) or not value.strip() or _UNKNOWN_LANGUAGES.fullmatch(value):
        return None
    return _LANGUAGES.get(value, value)[:40]
