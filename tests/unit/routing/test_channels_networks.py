"""What each network lets happen: whom a message reaches, what stands in the way, and what nobody may overwrite."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import OutgoingMessage
from routing.channels.base import AddressRefused, Gone, Handed, Unanswered, Unavailable
from routing.channels.bluesky import record_key
from tests.fakes.networks import NETWORKS, Bench, channel
from tests.fakes.server import Fault

SECRET = "hunter2-secret"
HOSTILE = "x\r\nBcc: eve@example.org\r\n\r\n\x00\u202e\ud800 {{7*7}} @eve@evil.example @eve"
REVIEWS = ("appstore", "googleplay", "trustpilot")
CAN_MESSAGE = ("bluesky", "mastodon", "x")

Open = Callable[[str], Bench]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Open]:
    opened: list[AbstractContextManager[Bench]] = []

    def open_(name: str) -> Bench:
        opened.append(NETWORKS[name](tmp_path, SECRET))
        return opened[-1].__enter__()

    yield open_
    for bench in opened:
        bench.__exit__(None, None, None)


def hand_over(bench: Bench, message: OutgoingMessage) -> Handed:
    with bench.channel.stage(message) as staged:
        return staged.hand_over()


def last(bench: Bench) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(bench.arrived()[-1])
    return body


# --- every network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_reply_to_a_deleted_post_finds_nobody_to_answer(at: Open, name: str) -> None:
    bench = at(name)
    bench.server.delete("one" if name == "x" else bench.reply.reply_to.rpartition("/")[2])
    with pytest.raises(Gone):
        hand_over(bench, bench.reply)
    if name != "x":  # X says so only when it is asked to post, and posts nothing
        assert bench.arrived() == []


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_text_too_long_for_the_network_is_refused_before_anything_is_posted(at: Open, name: str) -> None:
    bench = at(name)
    if bench.channel.max_length is None:
        pytest.skip("this network names no limit")
    for long, fits in ((bench.channel.max_length + 1, False), (bench.channel.max_length - 40, True)):
        message = replace(bench.reply, body="é" * long)
        if fits:
            hand_over(bench, message)
        else:
            with pytest.raises(Permanent, match="too long"):
                hand_over(bench, message)
        assert len(bench.arrived()) == int(fits)
    with pytest.raises(Permanent, match="no text"):
        hand_over(bench, replace(bench.reply, body=" \x00\n"))


@pytest.mark.parametrize("name", CAN_MESSAGE)
def test_a_message_to_an_account_goes_there_once_and_only_staged_leaves_nothing(at: Open, name: str) -> None:
    bench = at(name)
    assert bench.direct is not None
    with bench.channel.stage(bench.direct):
        assert bench.arrived() == []
    assert hand_over(bench, bench.direct).provider_id
    assert len(bench.arrived()) == 1


@pytest.mark.parametrize("name", CAN_MESSAGE)
def test_what_is_no_account_is_refused_and_not_told(at: Open, name: str) -> None:
    bench = at(name)
    assert bench.direct is not None
    for address in ("", "ana bob", "a@b@example.org", "alice@home.example, eve@evil.example", "../x", HOSTILE):
        with pytest.raises(AddressRefused) as caught:
            hand_over(bench, replace(bench.direct, address=address))
        assert not address or address not in str(caught.value)
    assert bench.arrived() == []


@pytest.mark.parametrize("name", REVIEWS)
def test_a_review_site_takes_answers_to_reviews_only(at: Open, name: str) -> None:
    bench = at(name)
    assert not bench.channel.to_accounts
    with pytest.raises(Permanent, match="answers to reviews"):
        hand_over(bench, replace(bench.reply, reply_to=None))


@pytest.mark.parametrize("name", REVIEWS)
def test_what_somebody_answered_already_is_not_overwritten_by_itself(at: Open, name: str) -> None:
    bench = at(name)
    hand_over(bench, bench.reply)
    other = replace(bench.reply, id="another", body="Une autre réponse.")
    with pytest.raises(Permanent, match="another answer"):
        hand_over(bench, other)
    by_person = replace(other, extra={**other.extra, "replaces": True})
    if name == "trustpilot":  # its API is not known to change an answer
        with pytest.raises(Permanent, match="another answer"):
            hand_over(bench, by_person)
    else:
        hand_over(bench, by_person)
        assert len(bench.arrived()) == 2


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_silence_after_the_request_is_never_taken_for_a_no(at: Open, name: str) -> None:
    bench = at(name)
    with bench.channel.stage(bench.reply) as staged:
        bench.server.every = Fault(status=500)
        expected = Uncertain if name in ("mastodon", "x") else Unanswered
        with pytest.raises(expected):
            staged.hand_over()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_too_many_requests_wait_and_count_no_attempt(at: Open, name: str) -> None:
    bench = at(name)
    with bench.channel.stage(bench.reply) as staged:
        bench.server.every = Fault(status=429, headers={"Retry-After": "77"})
        with pytest.raises(Unavailable) as caught:
            staged.hand_over()
    assert caught.value.retry_after == 77


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_without_its_secret_the_channel_says_which_setting_is_missing(tmp_path: Path, name: str) -> None:
    told = {
        "mastodon": {"base_url": "https://home.example"}, "bluesky": {"handle": "brand.example"},
        "appstore": {"key_id": "1"}, "trustpilot": {"business_user_id": "1"},
    }  # fmt: skip
    with pytest.raises(Misconfigured, match=f"channels.{name}"):
        channel(name, tmp_path, {}, **told.get(name, {}))


# --- Mastodon --------------------------------------------------------------------------------------


def test_a_direct_message_names_nobody_but_its_recipient(at: Open) -> None:
    """Whoever is named in a direct status can read it."""
    bench = at("mastodon")
    assert bench.direct is not None
    hand_over(bench, replace(bench.direct, body=HOSTILE))
    status = last(bench)
    assert status["visibility"] == "direct"
    called, _, text = status["status"].partition(" ")
    assert called == "@alice@home.example"
    assert "@eve" not in text
    assert "eve@example.org" in text, "an address calls nobody"
    assert "{{7*7}}" in text


def test_an_account_is_found_by_its_address_and_never_taken_for_another_one(at: Open) -> None:
    bench = at("mastodon")
    assert bench.direct is not None
    by_address = replace(bench.direct, address="https://home.example/users/alice")
    hand_over(bench, by_address)
    assert last(bench)["status"].startswith("@alice@home.example ")
    elsewhere = replace(by_address, address="https://home.example/users/other", extra={"handle": "alice@home.example"})
    with pytest.raises(Permanent, match="does not find the account"):
        hand_over(bench, elsewhere)
    with pytest.raises(Permanent, match="does not find the account"):
        hand_over(bench, replace(bench.direct, address="nobody@home.example"))


def test_a_reply_stands_under_its_post_and_calls_its_author(at: Open) -> None:
    bench = at("mastodon")
    handed = hand_over(bench, bench.reply)
    status = last(bench)
    assert status["in_reply_to_id"] == "1"
    assert status["visibility"] == "unlisted"
    assert status["status"].startswith("@alice@home.example Bonjour")
    assert status["language"] == "fr"
    assert handed.provider_id == bench.server.statuses[-1]["uri"]


def test_a_post_is_asked_for_by_its_number_on_the_server_that_told_it_and_by_its_address_elsewhere(at: Open) -> None:
    bench = at("mastodon")
    hand_over(bench, bench.reply)
    assert {request.path for request in bench.server.requests} == {"/api/v1/statuses/1", "/api/v1/statuses"}
    bench.server.statuses[0] |= {"id": "77"}
    elsewhere = replace(bench.reply, id="another", extra={"post": {"attributes": {"instance": "other.example"}}})
    hand_over(bench, elsewhere)
    assert last(bench)["in_reply_to_id"] == "77"
    bench.server.statuses.clear()
    with pytest.raises(Permanent, match="does not find the post") as caught:
        hand_over(bench, elsewhere)
    assert not isinstance(caught.value, Gone), "a server that does not answer ours is no deleted post"


def test_a_proxys_404_is_no_deleted_post(at: Open) -> None:
    bench = at("mastodon")
    bench.server.every = Fault(status=404, body=b"<html>nginx</html>")
    with pytest.raises(Misconfigured):
        hand_over(bench, bench.reply)


# --- Bluesky ---------------------------------------------------------------------------------------


def test_links_of_a_reply_lead_somewhere_in_bytes(at: Open) -> None:
    bench = at("bluesky")
    text = "Été 👍 : https://care.example.org/c/abc."
    hand_over(bench, replace(bench.reply, body=text))
    record = last(bench)["record"]
    [facet] = record["facets"]
    first, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
    assert text.encode()[first:end].decode() == facet["features"][0]["uri"] == "https://care.example.org/c/abc"
    assert record["createdAt"] == "2026-11-04T09:30:00.000Z"


def test_a_reply_deep_in_a_thread_names_its_root(at: Open) -> None:
    bench = at("bluesky")
    root = {"uri": "at://did:plc:eve/app.bsky.feed.post/3root", "cid": "bafyroot"}
    bench.server.posts[0]["record"]["reply"] = {"root": root, "parent": root}
    hand_over(bench, bench.reply)
    assert last(bench)["record"]["reply"] == {
        "root": root,
        "parent": {"uri": bench.reply.reply_to, "cid": bench.server.posts[0]["cid"]},
    }


def test_a_reply_that_was_handed_over_twice_is_one_record_that_can_be_looked_up(at: Open) -> None:
    bench = at("bluesky")
    assert bench.channel.lookup(bench.reply.id) is None
    assert hand_over(bench, bench.reply) == hand_over(bench, bench.reply)
    assert len(bench.server.records) == 1
    assert bench.channel.lookup(bench.reply.id) is True


def test_record_keys_are_tids_of_the_past_and_differ() -> None:
    keys = {record_key(str(number)) for number in range(500)}
    assert len(keys) == 500
    for key in keys:
        assert len(key) == 13
        assert set(key) <= set("234567abcdefghijklmnopqrstuvwxyz")
        assert key[0] in "234567ab", "the first bit is 0, and the time is not ahead"


def test_who_takes_no_messages_is_not_suppressed(at: Open) -> None:
    bench = at("bluesky")
    assert bench.direct is not None
    bench.server.chat_refusal = "MessagesDisabled"
    with pytest.raises(Permanent) as caught:
        hand_over(bench, bench.direct)
    assert not isinstance(caught.value, AddressRefused)
    bench.server.chat_refusal = "RecipientNotFound"
    with pytest.raises(AddressRefused):
        hand_over(bench, bench.direct)


def test_a_handle_becomes_an_account_and_a_chat_message_is_uncertain_in_silence(at: Open) -> None:
    bench = at("bluesky")
    assert bench.direct is not None
    hand_over(bench, replace(bench.direct, address="@Alice.example"))
    assert last(bench)["convoId"] == f"with {bench.direct.address}"
    with bench.channel.stage(bench.direct) as staged:
        bench.server.every = Fault(status=502)
        with pytest.raises(Uncertain):
            staged.hand_over()


def test_a_session_that_ended_before_the_last_step_is_no_lost_message(at: Open) -> None:
    bench = at("bluesky")
    with bench.channel.stage(bench.reply) as staged:
        bench.server.expire()
        with pytest.raises(Transient):
            staged.hand_over()
    hand_over(bench, bench.reply)
    assert len(bench.server.records) == 1


def test_a_revoked_password_stops_the_channel_and_is_not_told(at: Open) -> None:
    bench = at("bluesky")
    bench.server.revoke()
    with pytest.raises(Misconfigured) as caught:
        bench.channel.check()
    assert SECRET not in str(caught.value)


# --- X ---------------------------------------------------------------------------------------------


def test_x_takes_replies_only_to_who_called_the_brand(at: Open) -> None:
    bench = at("x")
    not_called = replace(bench.reply, extra={"post": {"attributes": {"reply_allowed": False}}})
    with pytest.raises(Permanent, match="named or quoted"):
        hand_over(bench, not_called)
    assert bench.arrived() == []
    bench.server.posts[0]["text"] = "mon colis ?"
    with pytest.raises(Permanent, match="403"):
        hand_over(bench, bench.reply)


def test_x_answers_the_newest_version_of_a_post(at: Open) -> None:
    bench = at("x")
    edited = bench.server.edit("one", "@hirondelle mon colis ??", bench.server.now)
    told = {"reply_allowed": True, "version_id": edited["id"]}
    hand_over(bench, replace(bench.reply, extra={"post": {"attributes": told}}))
    assert last(bench)["reply"] == {"in_reply_to_tweet_id": edited["id"]}


def test_a_text_that_x_has_already_may_be_this_very_message(at: Open) -> None:
    bench = at("x")
    bench.server.refuses_copies = True
    hand_over(bench, bench.reply)
    with pytest.raises(Uncertain, match="may be this one"):
        hand_over(bench, bench.reply)


def test_who_takes_no_messages_on_x_is_not_suppressed(at: Open) -> None:
    bench = at("x")
    assert bench.direct is not None
    with pytest.raises(Permanent) as caught:
        hand_over(bench, replace(bench.direct, address="123"))
    assert not isinstance(caught.value, AddressRefused)


def test_no_credits_and_a_wrong_signature_stop_the_channel(at: Open) -> None:
    bench = at("x")
    bench.server.faults = [Fault(status=402, body=b'{"title": "CreditsDepleted"}')]
    with pytest.raises(Misconfigured, match="credits"):
        hand_over(bench, bench.reply)
    bench.server.keys = ("app-key", "app-secret", "900-token", "another")
    with pytest.raises(Misconfigured):
        bench.channel.check()


# --- review sites ----------------------------------------------------------------------------------


def test_an_old_review_that_google_shows_no_more_is_answered_all_the_same(at: Open) -> None:
    bench = at("googleplay")
    told = {**bench.reply.extra["post"]["attributes"], "modified_at": "2026-10-01T10:00:00+00:00"}
    old = replace(bench.reply, extra={"post": {"attributes": told}})
    with bench.channel.stage(old) as staged:
        bench.server.delete("gp:1")
        with pytest.raises(Gone):
            staged.hand_over()
    with bench.channel.stage(old):
        assert bench.arrived() != [], "staging did not stop at the missing review"


def test_a_review_without_its_app_is_not_answered(at: Open) -> None:
    bench = at("googleplay")
    with pytest.raises(Permanent, match="which app"):
        hand_over(bench, replace(bench.reply, extra={"post": {"attributes": {"app_id": "../x"}}}))


def test_an_answer_of_ours_that_is_there_already_is_not_posted_again(at: Open) -> None:
    bench = at("trustpilot")
    hand_over(bench, bench.reply)
    hand_over(bench, bench.reply)
    assert len(bench.arrived()) == 1
    assert last(bench) == {"authorBusinessUserId": "u1", "message": bench.reply.body}
