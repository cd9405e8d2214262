"""A mailbox over a bad line: nothing is lost, nothing is changed, and no password is told."""

import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.errors import BadInput, Misconfigured, Permanent, Transient
from domain.post import Batch, Cursor, Gap, Upsert
from listeners.base import Budget
from listeners.mailbox.listener import MailboxListener
from listeners.mailbox.session import Access
from tests.contract.benches.mailbox import NOW, MailboxBench
from tests.fakes.imap_server import Fault, ImapServer, Kept

PLENTY = Budget(max_requests=1000, max_posts=10_000, deadline_seconds=30)
QUICK = 0.3
STEPS = ("GREETING", "CAPABILITY", "LOGIN", "EXAMINE", "SEARCH", "FETCH")


@pytest.fixture
def bench() -> Iterator[MailboxBench]:
    made = MailboxBench()
    yield made
    made.close()


def pull(bench: MailboxBench, cursor: Cursor | None = None, budget: Budget = PLENTY) -> tuple[list[str], Cursor | None]:
    """What one pull brought before it ended, and where the next one begins."""
    heard: list[str] = []
    try:
        for batch in bench.listener.pull(bench.query, cursor, budget):
            heard += ids(batch)
            cursor = batch.cursor_after
    except Transient:
        pass
    return heard, cursor


def ids(batch: Batch) -> list[str]:
    return [event.post.id.removesuffix("@example.org") for event in batch.events if isinstance(event, Upsert)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop"),
        Fault("cut"),
        Fault("stall"),
        Fault("drip"),
        Fault("bye", b"shutting down"),
        Fault("say", b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\nx"),
        Fault("say", b"\x00\xff not IMAP at all\r\n"),
    ],
    ids=lambda fault: f"{fault.kind}{fault.text[:4]!r}",
)
def test_trouble_is_transient_and_the_next_pull_brings_everything(bench: MailboxBench, step: str, fault: Fault) -> None:
    wanted = [f"m{number}" for number in range(3)]
    bench.add(*wanted)
    bench.server.faults[step] = [fault]
    bench.listener = bench.listen(timeout_seconds=QUICK)
    begun = time.monotonic()
    with pytest.raises(Transient) as caught:
        list(bench.listener.pull(bench.query, None, PLENTY))
    assert time.monotonic() - begun < 10 * QUICK
    assert "a-password" not in str(caught.value)
    bench.listener = bench.listen()
    assert pull(bench)[0] == wanted


@pytest.mark.parametrize("step", ["SEARCH", "FETCH"])
@pytest.mark.parametrize("answer", ["no", "bad"])
def test_a_server_that_says_no_for_now_is_asked_later(bench: MailboxBench, step: str, answer: str) -> None:
    bench.add("m1")
    bench.server.faults[step] = [Fault(answer, b"[SERVERBUG] come back")]
    with pytest.raises(Transient):
        list(bench.listener.pull(bench.query, None, PLENTY))
    assert pull(bench)[0] == ["m1"]


def test_what_was_stored_before_the_line_broke_is_not_fetched_again(bench: MailboxBench) -> None:
    bench.add(*(f"m{number}" for number in range(bench.page + 3)))
    bench.server.faults["FETCH"] = [Fault("drop")]
    first, cursor = pull(bench)
    assert (first, cursor) == ([], None)
    batches = bench.listener.pull(bench.query, None, PLENTY)
    cursor = next(iter(batches)).cursor_after
    batches.close()  # type: ignore[attr-defined]
    bench.server.commands.clear()
    assert pull(bench, cursor)[0] == [f"m{number}" for number in range(bench.page, bench.page + 3)]
    assert len([command for command in bench.server.commands if "FETCH" in command]) == 3


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("no", b"[AUTHENTICATIONFAILED] wrong: LOGIN care a-password"),
        ("no", b"[EXPIRED] the password a-password is too old"),
        ("no", b"Invalid credentials"),
        ("bad", b"a-password is no password"),
    ],
)
def test_a_revoked_password_pauses_and_is_never_told(bench: MailboxBench, answer: str, text: bytes) -> None:
    bench.server.faults["LOGIN"] = [Fault(answer, text)]
    with pytest.raises(Permanent) as caught:
        list(bench.listener.pull(bench.query, None, PLENTY))
    assert "a-password" not in str(caught.value)
    assert f"{bench.server.host}:{bench.server.port}" in str(caught.value)
    assert len([command for command in bench.server.commands if command == "LOGIN"]) == 1


def test_a_password_beyond_ascii_is_refused_in_the_same_way(bench: MailboxBench) -> None:
    bench.listener = bench.listen(password="é-password")
    with pytest.raises(Permanent):
        list(bench.listener.pull(bench.query, None, PLENTY))


def test_a_server_that_lets_nobody_in_for_now_is_asked_later(bench: MailboxBench) -> None:
    bench.server.faults["LOGIN"] = [Fault("no", b"[UNAVAILABLE] the directory is down")]
    with pytest.raises(Transient):
        list(bench.listener.pull(bench.query, None, PLENTY))


def test_a_folder_that_is_not_there_is_told(bench: MailboxBench) -> None:
    with pytest.raises(Permanent, match="no folder 'Clients'"):
        list(bench.listener.pull("Clients", None, PLENTY))


def test_nothing_is_changed_in_the_mailbox(bench: MailboxBench) -> None:
    bench.add("m1", "m2")
    pull(bench)
    words = {command.split(" ")[0] for command in bench.server.commands}
    assert words == {"CAPABILITY", "LOGIN", "EXAMINE", "UID", "LOGOUT"}
    assert all("PEEK" in command for command in bench.server.commands if "FETCH" in command)


def test_mails_numbered_anew_are_a_gap_and_are_read_again(bench: MailboxBench) -> None:
    bench.add("m1", "m2", "m3")
    _, cursor = pull(bench)
    bench.server.mails.pop(0)
    bench.server.number_anew()
    bench.add("m4")
    batches = list(bench.listener.pull(bench.query, cursor, PLENTY))
    [gap] = [event for batch in batches for event in batch.events if isinstance(event, Gap)]
    assert (gap.since, gap.until) == (NOW, NOW)
    assert [id_ for batch in batches for id_ in ids(batch)] == ["m2", "m3", "m4"]
    assert pull(bench, batches[-1].cursor_after)[0] == []


def test_a_mail_that_is_taken_away_meanwhile_holds_nothing_up(bench: MailboxBench) -> None:
    bench.add("m1", "m2", "m3")
    bench.server.mails[1].said = lambda mail: b""
    assert pull(bench)[0] == ["m1", "m3"]


@pytest.mark.parametrize(
    "said",
    [
        b"* 2 FETCH (UID 77 BODY[]<0> {5}\r\nhello)\r\n",
        b"* 2 FETCH (UID 2 BODY[]<0> NIL)\r\n",
        b"* 2 FETCH (FLAGS (\\Seen) UID 2)\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",
    ],
)
def test_an_answer_about_another_mail_is_not_taken_for_this_one(bench: MailboxBench, said: bytes) -> None:
    bench.add("m1", "m2", "m3")
    bench.server.mails[1].said = lambda mail: said
    assert pull(bench)[0] == ["m1", "m3"]


def test_the_number_may_come_after_the_mail(bench: MailboxBench) -> None:
    def late(mail: Kept) -> bytes:
        return b"* 1 FETCH (BODY[]<0> {%d}\r\n" % len(mail.content) + mail.content + b" UID %d FLAGS ())\r\n" % mail.uid

    bench.add("m1")
    bench.server.mails[0].said = late
    assert pull(bench)[0] == ["m1"]


def test_a_first_run_goes_back_some_days_and_no_further(bench: MailboxBench) -> None:
    bench.add("new")
    old = bench.server.deliver(bench.mail("old"))
    old.received = NOW.replace(month=8)
    assert pull(bench)[0] == ["new"]


def test_the_deadline_of_the_budget_holds_and_costs_nothing(bench: MailboxBench) -> None:
    wanted = [f"m{number}" for number in range(3 * bench.page)]
    bench.add(*wanted)
    bench.server.faults["FETCH"] = []
    batches = bench.listener.pull(bench.query, None, Budget(deadline_seconds=1.0))
    cursor = next(iter(batches)).cursor_after
    bench.server.faults["FETCH"] = [Fault("stall")]
    assert list(batches) == []
    bench.server.faults.clear()
    assert pull(bench, cursor)[0] == wanted[bench.page :]


def test_a_huge_mail_is_read_from_its_beginning(bench: MailboxBench) -> None:
    head = bench.mail("huge")
    bench.server.deliver(head + b"x" * (50 * 1024 * 1024))
    [batch] = bench.listener.pull(bench.query, None, PLENTY)
    [event] = batch.events
    assert isinstance(event, Upsert)
    assert event.post.attributes["cut"] is True
    assert len(event.post.text) < 60_000


def test_check_tells_how_many_mails_there_are(bench: MailboxBench) -> None:
    bench.add("m1", "m2")
    assert bench.listener.check() == "2 mails in INBOX"


def test_a_broken_cursor_is_told(bench: MailboxBench) -> None:
    with pytest.raises(BadInput):
        list(bench.listener.pull(bench.query, {"uid": "many"}, PLENTY))


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "mail.example.org", "security": "none"},
        {"port": 993, "security": "starttls"},
        {"password": "a\r\nb LOGOUT"},
    ],
)
def test_what_is_not_safe_is_not_tried(changes: dict[str, object]) -> None:
    plain = {"host": "127.0.0.1", "username": "care", "password": "secret", "port": 143, "security": "none"}
    with pytest.raises(Misconfigured) as caught:
        MailboxListener(Access(**{**plain, **changes}))  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_mails_come_over_tls_from_a_server_that_can_show_who_it_is(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, key)
    with ImapServer(**{security: context}) as server:  # type: ignore[arg-type]
        server.deliver(MailboxBench.mail("m1"))
        access = Access(server.host, "care", "a-password", server.port, security)  # type: ignore[arg-type]
        listener = MailboxListener(access, clock=lambda: NOW)
        with pytest.raises(Permanent, match="certificate"):
            list(listener.pull("INBOX", None, PLENTY))
        assert "LOGIN" not in server.commands
        monkeypatch.setenv("SSL_CERT_FILE", str(shown))
        [batch] = listener.pull("INBOX", None, PLENTY)
        assert ids(batch) == ["m1"]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(start).not_valid_after(start + timedelta(days=9))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = made.add_extension(here, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    shown, secret = folder / "certificate.pem", folder / "key.pem"
    shown.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return shown, secret


def test_a_server_without_tls_gets_no_password() -> None:
    with ImapServer() as server:
        access = Access(server.host, "care", "a-password", server.port, "starttls", QUICK)
        with pytest.raises(Transient):
            list(MailboxListener(access).pull("INBOX", None, PLENTY))
        assert "LOGIN" not in server.commands
        access = Access(server.host, "care", "a-password", server.port, "tls", QUICK)
        with pytest.raises(Transient):
            list(MailboxListener(access).pull("INBOX", None, PLENTY))
        assert "LOGIN" not in server.commands
