"""What a status of the Mastodon API says, as a post (docs.joinmastodon.org/entities/Status).

The id of a post is the status's `uri`: it is the same on every server, while `id` is one server's own.
So a post that two servers show is one post. The server's own id stays in the attributes, for `verify`.

    raw = {"status": {...}, "host": "social.example",     # as told, and by whom
           "above": [["117", "https://..."], ["115", null]]}  # what it replies to and where its thread begins: id, uri
"""

import json
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from domain.post import REPOST_PREFIX, Author, Post, Rejected, Upsert
from listeners.markup import plain_text
from listeners.values import (
    ID_LIMIT,
    SHORT_LIMIT,
    BadRow,
    as_count,
    as_identifier,
    as_text,
    clean,
    parse_time,
    required,
)

NETWORK = "mastodon"
HTML_LIMIT = 200_000
RAW_LIMIT = 10_000
PUBLIC = frozenset({"public", "unlisted"})
DEPTH_OF_THREADS = 50
NO_BOTS = "#nobot"

Above = Sequence[tuple[str, str | None]]


def own_id(status: Any) -> str | None:
    """The id by which its server pages and answers for this status."""
    return _lenient_id(status.get("id")) if isinstance(status, Mapping) else None


def _lenient_id(value: Any) -> str | None:
    try:
        return _identifier(value, "id")
    except BadRow:
        return None


def _identifier(value: Any, name: str) -> str | None:
    id_ = as_identifier(value, name, ID_LIMIT)
    return None if id_ is None else str(clean(id_, name))


class Statuses:
    """The statuses of one answer as events, in the order of the answer.

    `uris` remembers `server id → uri` from page to page, so that a reply finds what it replies to.
    """

    def __init__(self, statuses: list[Any], host: str, uris: MutableMapping[str, str]) -> None:
        self._host = host
        self._uris = uris
        self._parents: dict[str, str] = {}
        self.events: list[Upsert] = []
        self.rejected: list[Rejected] = []
        for status in statuses:
            self._remember(status)
        for status in statuses:
            self._add(status)

    def _remember(self, status: Any) -> None:
        id_ = own_id(status)
        uri = None if id_ is None else _lenient_id(status.get("uri"))
        if id_ is None or uri is None:
            return
        self._uris[id_] = uri
        parent = _lenient_id(status.get("in_reply_to_id"))
        if parent is not None:
            self._parents[id_] = parent

    def _add(self, status: Any) -> None:
        try:
            self.events.extend(self._upserts(status))
        except BadRow as error:
            raw_text = json.dumps(status, ensure_ascii=True, default=str)[:RAW_LIMIT]
            self.rejected.append(Rejected(NETWORK, str(error), raw_text))

    def _upserts(self, status: Any) -> list[Upsert]:
        """The post; a repost gives the original and itself; what is not public or says nothing gives none."""
        if not isinstance(status, Mapping):
            raise BadRow("not an object")
        if status.get("visibility", "public") not in PUBLIC:
            return []
        original = status.get("reblog")
        if not isinstance(original, Mapping):
            return self._upsert(status)
        self._remember(original)
        first = self._upsert(original)
        return first and first + self._upsert(status)

    def _upsert(self, status: Mapping[str, Any]) -> list[Upsert]:
        raw = {"status": dict(status), "host": self._host, "above": self._above(status)}
        post = remap(raw)
        return [Upsert(post, raw)] if post.text else []

    def _above(self, status: Mapping[str, Any]) -> list[list[str | None]]:
        """What it replies to, and the first post of the thread as far up as this page shows it."""
        parent = top = _lenient_id(status.get("in_reply_to_id"))
        if parent is None or top is None:
            return []
        for _ in range(DEPTH_OF_THREADS):
            if top not in self._parents:
                break
            top = self._parents[top]
        return [[id_, self._uris.get(id_)] for id_ in dict.fromkeys((parent, top))]


def remap(raw: Mapping[str, Any]) -> Post:
    """The post that an `Upsert.raw` of this listener tells of. Raises `BadRow`."""
    status, host = raw.get("status"), as_text(raw.get("host"), "host")
    if not isinstance(status, Mapping) or not host:
        raise BadRow("not what a server of the Mastodon kind told")
    above = [(str(id_), uri) for id_, uri in raw.get("above") or ()]
    original = status.get("reblog")
    if not isinstance(original, Mapping):
        return _post(status, host, above)
    first = _post(original, host)
    handle = first.author.handle if first.author else ""
    return _post({**status, "content": ""}, host, above, f"{REPOST_PREFIX}{handle}: {first.text}", first.id)


def _post(
    status: Mapping[str, Any], host: str, above: Above = (), text: str | None = None, repost_of: str | None = None
) -> Post:
    return Post(
        network=NETWORK,
        id=required(_identifier(status.get("uri"), "uri"), "uri"),
        text=_text(status) if text is None else text,
        created_at=parse_time(required(status.get("created_at"), "created_at"), "created_at"),
        author=_author(status.get("account"), host),
        url=_address(status.get("url")),
        lang=_short(status, "language", 40),
        edited_at=None if not status.get("edited_at") else parse_time(status["edited_at"], "edited_at"),
        reply_to=_global_id(above[0], host) if above else None,
        conversation=_global_id(above[-1], host) if above else None,
        repost_of=repost_of,
        likes=as_count(status.get("favourites_count"), "favourites_count"),
        reposts=as_count(status.get("reblogs_count"), "reblogs_count"),
        replies=as_count(status.get("replies_count"), "replies_count"),
        attributes=_attributes(status, host),
    )


def _global_id(known: tuple[str, str | None], host: str) -> str:
    """The uri of a status, or `server:id` where no page has shown it."""
    id_, uri = known
    return (uri or f"{host}:{id_}")[:ID_LIMIT]


def _text(status: Mapping[str, Any]) -> str:
    """The content warning, the text, and where there is no text what the pictures show."""
    html = as_text(status.get("content"), "content") or ""
    if len(html) > HTML_LIMIT:
        raise BadRow(f"content has {len(html):,} characters; at most {HTML_LIMIT:,} are taken")
    warning = (as_text(status.get("spoiler_text"), "spoiler_text") or "").strip()
    body = plain_text(html) or _pictures(status.get("media_attachments"))
    text: str = clean("\n\n".join(part for part in (warning, body) if part), "content")
    return text


def _pictures(media: Any) -> str:
    shown = media if isinstance(media, list) else []
    words = [item.get("description") for item in shown if isinstance(item, Mapping)]
    return "\n".join(word.strip() for word in words if isinstance(word, str) and word.strip())


def _author(account: Any, host: str) -> Author | None:
    if account is None:
        return None
    if not isinstance(account, Mapping):
        raise BadRow("account is not an object")
    id_ = _address(account.get("uri")) or _address(account.get("url"))
    name = as_text(account.get("acct"), "account.acct") or ""
    if id_ is None and not name:
        raise BadRow("account has neither uri, url nor acct")
    handle = clean(name if "@" in name or not name else f"{name}@{host}", "account.acct")
    return Author(
        id=id_ or f"acct:{handle}",
        handle=handle[:SHORT_LIMIT] or None,
        name=_short(account, "display_name", 5000),
        bio=_html(account, "note"),
        location=None,
        links=_links(account.get("fields")),
        followers=_lenient_count(account.get("followers_count")),
        created_at=_lenient_time(account.get("created_at")),
    )


def _links(fields: Any) -> tuple[str, ...]:
    """The addresses in an account's profile fields."""
    values = [item.get("value") for item in fields if isinstance(item, Mapping)] if isinstance(fields, list) else []
    texts = [plain_text(value[:HTML_LIMIT]) for value in values if isinstance(value, str)]
    return tuple(clean(text, "account.fields") for text in texts if text.startswith(("http://", "https://")))


def _html(source: Mapping[str, Any], name: str) -> str | None:
    value = as_text(source.get(name), name)
    return None if not value else clean(plain_text(value[:HTML_LIMIT]), name) or None


def _short(source: Mapping[str, Any], name: str, limit: int) -> str | None:
    value = as_text(source.get(name), name)
    return None if not value else clean(value.strip(), name)[:limit] or None


def _address(value: Any) -> str | None:
    """A web address short enough to be a key or a link."""
    if not isinstance(value, str) or not value.startswith(("https://", "http://")) or len(value) > SHORT_LIMIT:
        return None
    return str(clean(value, "url"))


def _lenient_count(value: Any) -> int | None:
    """A figure beside the point: some servers send -1 where it is hidden."""
    try:
        return as_count(value, "count")
    except BadRow:
        return None


def _lenient_time(value: Any) -> Any:
    """When the account was made; servers that do not know it say 1970."""
    try:
        return parse_time(value, "created_at", date_is_enough=True) if value else None
    except BadRow:
        return None


def _attributes(status: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What `verify` and the policies need, among it what the author wishes about machines that read along."""
    account = status.get("account")
    account = account if isinstance(account, Mapping) else {}
    attributes: dict[str, Any] = {
        "instance": host,
        "instance_id": own_id(status),
        "visibility": _short(status, "visibility", 20),
    }
    attributes |= {key: True for key in ("bot", "noindex") if account.get(key) is True}
    attributes["indexable"] = False if account.get("indexable") is False else None
    attributes["nobot"] = True if NO_BOTS in (_html(account, "note") or "").casefold() else None
    return {key: value for key, value in attributes.items() if value is not None}
