"""The page that tells whether everything is heard."""

from datetime import timedelta

from domain.post import Batch, Gap, Rejected
from storage.listening import pause_cursor, spend, store_batch
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.unit.samples import heard

NOW = factories.NOW
HOSTILE = "<script>alert(1)</script>"


def test_what_is_heard_paused_refused_spent_and_missed(console: Console, fill: Fill) -> None:
    def put(session):  # type: ignore[no-untyped-def]
        gap = Gap("x", NOW - timedelta(hours=3), NOW - timedelta(hours=2), "the stream was cut off")
        batch = Batch([heard("1", network="x"), gap], [Rejected("x", "no text", "{}")], {"a": 1})
        store_batch(session, "hirondelle", batch, NOW, "x", HOSTILE)
        spend(session, "x:KEY", NOW, 1, 0.25)
        pause_cursor(
            session, "hirondelle", "mastodon m.example", "#colis", "refuses the token (401)",
            NOW + timedelta(hours=1), NOW,
        )  # fmt: skip
        pause_cursor(session, "pelican", "secret-one", "#oiseau", "not yours", NOW, NOW)

    fill(put)
    text = console.signed_in("analyst").get("/listening").text
    assert "refuses the token (401)" in text
    assert "1 en pause" in text
    assert "the stream was cut off" in text
    assert "0,25" in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert "secret-one" not in text


def test_nothing_yet_is_said_kindly(console: Console) -> None:
    answer = console.signed_in("agent").get("/listening")
    assert answer.status_code == 200
    assert "Aucune source" in answer.text
