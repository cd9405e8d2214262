"""What X calls things: the one place that knows it.

X renamed its fields in the specification of 2026-08-07; tweepy sends the names of before. X answers in the names in
which it is asked, and drops a name that it does not know without a word. Here both generations are asked for and
understood. In the later one the author, the references and the versions of a post are no fields but expansions, and
every post and user that an expansion brings is a read that is paid for (specification 2.168, read 2026-11-21).
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Generation: TypeAlias = Literal["tweet", "post"]

_NAMES = {
    "fields": {"tweet": "tweet.fields", "post": "post.fields"},
    "note": {"tweet": "note_tweet", "post": "note_post"},
    "references": {"tweet": "referenced_tweets", "post": "referenced_posts"},
    "versions": {"tweet": "edit_history_tweet_ids", "post": "edit_history_post_ids"},
    "included": {"tweet": "tweets", "post": "posts"},
    "reposts": {"tweet": "retweet_count", "post": "repost_count"},
}
FIELD_PARAMETERS = frozenset(_NAMES["fields"].values())

_FIELDS = ("conversation_id", "created_at", "entities", "lang", "possibly_sensitive", "public_metrics")
_USER_FIELDS = ("created_at", "description", "entities", "location", "name", "public_metrics", "url", "username")
_EXPANDED_SINCE = ("references", "versions")
_MOST_INCLUDED = 3 + 5  # with one post: replied_to, quoted, retweeted; the versions before it (at most five edits)


def other(generation: Generation) -> Generation:
    """The generation of names that this one is not."""
    return "post" if generation == "tweet" else "tweet"


def asked_for(authors: bool) -> dict[str, Any]:
    """The parameters of a question, in the generation that tweepy speaks; `authors` as full users."""
    names = [_NAMES[name]["tweet"] for name in ("note", "references", "versions")]
    asked: dict[str, Any] = {"tweet_fields": sorted({*_FIELDS, *names, "author_id"})}
    return asked | ({"expansions": ["author_id"], "user_fields": list(_USER_FIELDS)} if authors else {})


def wire(asked: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as tweepy puts them on the wire."""
    return {name.replace("_fields", ".fields"): ",".join(values) for name, values in asked.items()}


def sent(params: Mapping[str, Any], generation: Generation) -> dict[str, Any]:
    """What tweepy sends, in the names of the generation."""
    before, since = _NAMES["fields"]["tweet"], _NAMES["fields"]["post"]
    if generation == "tweet" or before not in params:
        return dict(params)
    fields = set(_listed(params[before])) - {"author_id"}
    names = [_NAMES[name] for name in _EXPANDED_SINCE]
    expansions = {*_listed(params.get("expansions")), *(name["post"] for name in names if name["tweet"] in fields)}
    fields -= {name["tweet"] for name in names}
    renamed = {name["tweet"]: name["post"] for name in _NAMES.values()}
    rest = {key: value for key, value in params.items() if key not in (before, "expansions")}
    asked = {since: ",".join(sorted(renamed.get(name, name) for name in fields))}
    return {**rest, **asked} | ({"expansions": ",".join(sorted(expansions))} if expansions else {})


def _listed(value: Any) -> list[str]:
    return [name for name in str(value or "").split(",") if name]


def most_included(generation: Generation) -> int:
    """How many further posts may come with one, each of them a read."""
    return _MOST_INCLUDED if generation == "post" else 0


def named(item: Mapping[str, Any], name: str) -> Any:
    """A value by our name for it, in either generation."""
    names = _NAMES[name]
    value = item.get(names["tweet"])
    return item.get(names["post"]) if value is None else value
