"""The rules of X's filtered stream (docs.x.com/x-api/posts/filtered-stream/integrate/build-a-rule, read 2026-11-21)."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from domain.errors import Misconfigured, Transient
from listeners.query import Query
from listeners.x.api import XApi
from listeners.x.query import native

if TYPE_CHECKING:
    from tweepy import StreamingClient

RULES_AT_ONCE = 100


def rules_of(queries: Iterable[Query], limit: int) -> tuple[str, ...]:
    """The rules that together hear the queries, each of at most `limit` characters. Raises `Misconfigured`."""
    return tuple(dict.fromkeys(value for query in queries for value in native(query, limit, rules=True)))


class Rules:
    """The rules that `owner` wants at X. Those of others, which one app may share, are left alone."""

    def __init__(self, api: XApi, owner: str, wanted: Iterable[str]) -> None:
        self._api, self._prefix = api, f"vigie:{owner}:"
        self._wanted = tuple(wanted)

    def known(self) -> list[Mapping[str, Any]]:
        """Every rule of the app. Raises `Transient`, `Permanent`."""
        answer = self._ask(lambda client: client.get_rules())
        rules = answer.get("data", [])
        if not isinstance(rules, list) or ("data" not in answer and not isinstance(answer.get("meta"), Mapping)):
            raise Transient(f"{self._api.host} answered something that is no list of rules")
        return list(_mappings(rules))

    def put(self) -> frozenset[str]:
        """Make them what is wanted; the ids of those that are. Raises `Misconfigured` for one that X does not take."""
        known = self.known()
        ours = [rule for rule in known if str(rule.get("tag")).startswith(self._prefix)]
        unwanted = [str(rule.get("id")) for rule in ours if rule.get("value") not in self._wanted]
        for some in _parts(unwanted):
            self._delete(some)
        there = {rule["value"]: str(rule.get("id")) for rule in known if rule.get("value") in self._wanted}
        for some in _parts([value for value in self._wanted if value not in there]):
            there |= self._add(some)
        return frozenset(there.values())

    def _delete(self, ids: list[str]) -> None:
        self._ask(lambda client: client.delete_rules(ids))

    def _add(self, values: list[str]) -> dict[str, str]:
        from tweepy import StreamRule

        tags = {value: self._prefix + hashlib.sha256(value.encode()).hexdigest()[:12] for value in values}
        answer = self._ask(lambda client: client.add_rules([StreamRule(value, tag) for value, tag in tags.items()]))
        errors = list(_mappings(answer.get("errors")))
        for error in errors:
            if not str(error.get("type")).endswith("/duplicate-rules"):
                reason = error.get("details") or error.get("detail") or error.get("title")
                raise Misconfigured(f"X does not take the rule {str(error.get('value'))[:80]!r}: {str(reason)[:300]}")
        told = [*_mappings(answer.get("data")), *errors]
        return {str(rule["value"]): str(rule["id"]) for rule in told if "value" in rule and "id" in rule}

    def _ask(self, call: "Callable[[StreamingClient], object]") -> Mapping[str, Any]:
        client, session = self._api.rules_client()
        return self._api.judged(lambda: call(client), session, "the rules of the stream")


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


def _parts(items: list[str]) -> Iterator[list[str]]:
    return (items[start : start + RULES_AT_ONCE] for start in range(0, len(items), RULES_AT_ONCE))
