"""Direct messages that name our account on a server of the Mastodon kind, read from its notifications
(docs.joinmastodon.org/methods/notifications/, read 2026-11-22). What names us in public is the listener's.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from listeners.markup import plain_text
from listeners.values import BadRow, parse_time
from listeners.wire import Answer
from routing.channels._http import text_at
from routing.channels.base import Reply

LONGEST_HTML = 200_000
# Whom a direct message goes to stands in front of it, and is no word of it.
_CALLED = re.compile(r"^(?:@\S+\s+)+|^@\S+$")


def notifications_of(answer: Answer) -> list[Any]:
    """The notifications of an answer, the newest first; none where there is no such list."""
    try:
        body = answer.json()
    except ValueError:
        return []
    return body if isinstance(body, list) else []


def direct_replies(notifications: list[Any]) -> tuple[Reply, ...]:
    """What a page of notifications tells; what is no direct message, or cannot be read, is left."""
    found = (_reply(one.get("status")) for one in notifications if isinstance(one, Mapping) and _is_mention(one))
    return tuple(reply for reply in found if reply is not None)


def time_of(notification: Any) -> datetime | None:
    """When a notification was made, None where it does not say."""
    try:
        return parse_time(notification["created_at"], "created_at")
    except (BadRow, KeyError, TypeError):
        return None


def _is_mention(notification: Mapping[str, Any]) -> bool:
    return notification.get("type") == "mention" and text_at(notification, "status", "visibility") == "direct"


def _reply(status: Any) -> Reply | None:
    at, name = time_of(status), text_at(status, "uri")
    address = text_at(status, "account", "uri") or text_at(status, "account", "url")
    if at is None or not name or not address:
        return None
    text = plain_text(text_at(status, "content")[:LONGEST_HTML]).strip()
    return Reply(event_id=name, address=address, text=_CALLED.sub("", text), at=at)
