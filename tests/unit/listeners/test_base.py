"""Finding listeners, waits, and HTML as text."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import listeners
from domain.errors import Misconfigured
from listeners.base import KNOWN_NETWORKS, Budget, Meter, find_listeners
from listeners.markup import plain_text
from listeners.waits import wait_seconds

NOW = datetime(2026, 11, 4, tzinfo=UTC)


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files count as listener files."""
    monkeypatch.setattr(listeners, "__path__", [*listeners.__path__, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("listeners."):
            del sys.modules[name]


def test_a_listener_file_is_found_by_being_there(extra: Path) -> None:
    (extra / "pigeons.py").write_text("class Pigeons:\n    network = 'pigeon'\nLISTENER = Pigeons\n")
    assert set(find_listeners()) >= {"file", "mastodon", "pigeon"}


def test_a_listener_file_that_cannot_be_imported_is_named(extra: Path) -> None:
    (extra / "broken_one.py").write_text("import no_such_library\n")
    with pytest.raises(Misconfigured, match=r"listeners/broken_one.py cannot be imported: .*no_such_library"):
        find_listeners()


def test_two_listeners_of_one_network_are_refused(extra: Path) -> None:
    (extra / "second.py").write_text("class Second:\n    network = 'mastodon'\nLISTENER = Second\n")
    with pytest.raises(Misconfigured, match=r"second.py: the network 'mastodon' already has"):
        find_listeners()


def test_network_names_are_lower_case() -> None:
    assert all(name == name.lower() for name in KNOWN_NETWORKS)
    assert {"mastodon", "bluesky", "x", "twitter", "appstore", "app_store", "hacker_news", "email"} <= KNOWN_NETWORKS


def test_a_budget_is_spent_by_whichever_comes_first() -> None:
    assert Meter(Budget(max_requests=0)).spent
    assert Meter(Budget(max_posts=0)).spent
    assert Meter(Budget(deadline_seconds=0)).spent
    assert not Meter(Budget()).spent


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12.5"}, 12.5),
        ({"RateLimit-Reset": "9"}, 9),
        ({"Retry-After": "Wed, 04 Nov 2026 00:00:10 GMT", "X-RateLimit-Reset": "99"}, 10),
        ({"X-RateLimit-Reset": "2026-11-04T01:00:00+01:00"}, 0),
        ({"X-RateLimit-Reset": "9" * 400}, None),
        ({"Retry-After": "99999999999999999999"}, 3600),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_waits_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_seconds(headers, NOW) == seconds


MENTION = '<span class="h-card"><a href="https://a.example/@bob" class="u-url mention">@<span>bob</span></a></span> oui'
SHORTENED = (
    '<a href="https://a.example/long/path"><span class="invisible">https://</span><span class="ellipsis">'
    'a.example/long</span><span class="invisible">/path</span></a>'
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>un</p><p>deux<br>trois &amp; &lt;quatre&gt;</p>", "un\n\ndeux\ntrois & <quatre>"),
        (MENTION, "@bob oui"),
        (SHORTENED, "https://a.example/long/path"),
        ('<a href="https://a.example/x">ici</a>.', "ici (https://a.example/x)."),
        ('<a href="javascript:alert(1)">ici</a>', "ici"),
        ('<a href="https://a.example/tags/colis" class="mention hashtag">#<span>colis</span></a>', "#colis"),
        ('bien <img src="x.png" alt=":coeur:"> !', "bien :coeur: !"),
        ("<ul><li>un</li><li>deux</li></ul>", "- un\n- deux"),
        ("<script>alert(1)</script><style>p{}</style>texte", "texte"),
        ("sans balise &eacute; \u00a0fin", "sans balise é \u00a0fin"),
        ("<p>pas fermé <b>du tout", "pas fermé du tout"),
        ("a < b", "a < b"),
        ("", ""),
    ],
)
def test_html_as_a_reader_sees_it(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize("piece", ["<!--", '<a x="', "<b", "<![CDATA[", "<p>"])
def test_hostile_html_is_read_without_a_parser_that_never_ends(piece: str) -> None:
    assert plain_text("avant " + piece * (200_000 // len(piece))).startswith("avant")
