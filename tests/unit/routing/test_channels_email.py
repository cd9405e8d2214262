"""E-mail: what stands on the wire, and whom it can never reach."""

import ipaddress
import ssl
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import OutgoingMessage
from routing.channels._mime import compose, mailbox
from routing.channels.base import AddressRefused, Unavailable
from routing.channels.email import EmailChannel, EmailOptions
from tests.fakes.smtp import STALL, FakeSmtp

HOSTILE = "Ana\r\nBcc: eve@example.org\r\n\r\nboo"


def message(**changes: object) -> OutgoingMessage:
    plain = {
        "id": "m-1",
        "brand_id": "acme",
        "case_id": "1",
        "channel": "email",
        "address": "ana@example.org",
        "language": "fr",
        "subject": "Où en êtes-vous ?",
        "body": "Bonjour,\n.\n.point\nFrom là\n",
        "sender_name": "Acmé",
    }
    return OutgoingMessage(**{**plain, **changes})  # type: ignore[arg-type]


def channel(server: FakeSmtp, **changes: object) -> EmailChannel:
    plain = {"host": server.host, "sender": "care@acme.example", "port": server.port, "security": "none"}
    return EmailChannel(EmailOptions(**{**plain, "timeout_seconds": 5.0, **changes}))  # type: ignore[arg-type]


def send(way: EmailChannel, letter: OutgoingMessage) -> str:
    with way.stage(letter) as staged:
        return staged.hand_over().provider_id


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ana@example.org", "ana@example.org"),
        (" Ana.B+x@Example.ORG ", "Ana.B+x@example.org"),
        ("ana@exämple.org", "ana@xn--exmple-cua.org"),
        ("ana@straße.de", "ana@xn--strae-oqa.de"),
        ("jürgen@example.org", "jürgen@example.org"),
        ("o'brien@example.org", "o'brien@example.org"),
    ],
)
def test_one_mailbox_is_taken_its_domain_in_a_labels(address, expected):
    assert mailbox(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "ana@localhost",
        "ana@[127.0.0.1]",
        "ana@exa mple.org",
        "ana@example.org,eve@example.org",
        "ana@example.org;eve@example.org",
        "ana@example.org>\r\nRCPT TO:<eve@example.org",
        "Ana <ana@example.org>",
        '"ana"@example.org',
        "ana\x00@example.org",
        "an\u202ea@example.org",
        "ana\n@example.org",
        ".ana@example.org",
        "a..b@example.org",
        "ana@-example.org",
        "ana@exa_mple.org",
        "ana@example..org",
        "\ud800@example.org",
        "x" * 65 + "@example.org",
        "ana@" + "x" * 64 + ".org",
    ],
)
def test_anything_else_is_refused_without_being_repeated(address):
    with pytest.raises(AddressRefused) as caught:
        mailbox(address)
    assert "ana@" not in str(caught.value)


def test_the_mail_has_one_recipient_and_the_headers_it_needs():
    mail = message_from_bytes(
        compose(message(headers=(("Date", "Mon, 16 Nov 2026 09:30:00 +0000"),)), "care@acme.example", ""),
        policy=policy.default,
    )
    assert mail["To"] == "ana@example.org"
    assert mail["From"] == "Acmé <care@acme.example>"
    assert mail["Subject"] == "Où en êtes-vous ?"
    assert mail["Message-ID"] == "<m-1@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
    assert mail["Content-Language"] == "fr"
    assert mail.get_content().splitlines() == ["Bonjour,", ".", ".point", "From là"]
    for absent in ("List-Unsubscribe", "Cc", "Bcc"):
        assert mail[absent] is None


@pytest.mark.parametrize("field", ["subject", "sender_name", "language"])
def test_no_value_can_forge_a_header(field):
    content = compose(message(**{field: HOSTILE}), "care@acme.example", "")
    mail = message_from_bytes(content, policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["To"] == "ana@example.org"
    assert mail.get_content().startswith("Bonjour")


@pytest.mark.parametrize("header", ["Bcc", "To", "From", "Subject", "Date\r\nBcc", "X-Any"])
def test_a_message_may_not_bring_just_any_header(header):
    with pytest.raises(Permanent):
        compose(message(headers=((header, "eve@example.org"),)), "care@acme.example", "")


def test_dots_and_long_lines_arrive_as_they_were_written():
    body = ".\n..\n" + "é" * 3000 + "\n.\nend\n"
    with FakeSmtp() as server:
        queued = send(channel(server), message(body=body))
        (taken,) = server.taken
    assert taken.mail.get_content().replace("\r\n", "\n") == body
    assert taken.recipients == ("ana@example.org",)
    assert max(map(len, taken.content.split(b"\r\n"))) <= 998
    assert queued == "2.0.0 queued as 1"


def test_an_address_beyond_ascii_needs_a_server_that_takes_it():
    letter = message(address="jürgen@example.org")
    with FakeSmtp() as server, pytest.raises(Permanent, match="SMTPUTF8"):
        send(channel(server), letter)
    with FakeSmtp(smtputf8=True) as server:
        send(channel(server), letter)
        assert server.taken[0].recipients == ("jürgen@example.org",)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"rcpt": ["550 5.1.1 <ana@example.org>: no such user"]}, AddressRefused),
        ({"rcpt": ["550 no such user"]}, AddressRefused),
        ({"rcpt": ["550 5.7.1 relaying denied"]}, Permanent),
        ({"rcpt": ["552 5.2.2 mailbox full"]}, Permanent),
        ({"rcpt": ["530 5.7.0 log in first"]}, Misconfigured),
        ({"rcpt": ["450 4.7.1 <ana@example.org>: greylisted"]}, Transient),
        ({"mail": ["550 5.1.8 your domain does not exist"]}, Misconfigured),
        ({"mail": ["552 5.3.4 too big"]}, Permanent),
        ({"dot": ["550 5.1.1 ana@example.org unknown after all"]}, AddressRefused),
        ({"dot": ["xyz what"]}, Uncertain),
        ({"ehlo": ["421 4.3.2 closing"]}, Unavailable),
    ],
)
def test_answers_become_types_that_hold_no_address(faults, kind):
    with FakeSmtp(faults) as server, pytest.raises(kind) as caught:
        send(channel(server), message())
    assert type(caught.value) is kind
    assert "ana" not in str(caught.value)


def test_a_wrong_password_is_misconfigured_and_not_told():
    with FakeSmtp(login=("vigie", "right")) as server:
        channel(server, username="vigie", password="right").check()
        with pytest.raises(Misconfigured) as caught:
            channel(server, username="vigie", password="wrong-one").check()
    text = f"{caught.value} {channel(server, password='wrong-one')._options}"
    assert "wrong-one" not in text


def test_a_password_never_goes_over_a_clear_line_to_another_machine():
    way = EmailChannel(EmailOptions("mail.example.org", "care@acme.example", 25, "none", "vigie", "secret"))
    with pytest.raises(Misconfigured, match="without TLS"):
        way._log_in(way._client("acme.example"))


def test_a_server_without_starttls_is_refused():
    with FakeSmtp() as server, pytest.raises(Misconfigured, match="STARTTLS"):
        channel(server, security="starttls").check()


@pytest.mark.parametrize("sender", ["", "Acmé <care@acme.example>", "cäre@acme.example", "care@acme.example\r\nX: y"])
def test_a_sender_that_is_no_address_is_misconfigured(sender):
    with FakeSmtp() as server, pytest.raises(Misconfigured, match="sender"):
        channel(server, sender=sender).check()


def test_no_host_and_a_closed_port_are_told_apart():
    with FakeSmtp() as server:
        closed = channel(server)
    with pytest.raises(Unavailable, match="does not answer"):
        closed.check()
    with pytest.raises(Misconfigured, match="host is not set"):
        channel(server, host="").check()
    with pytest.raises(Misconfigured, match="no host name"):
        channel(server, host="a..b").check()


@pytest.mark.parametrize(
    ("step", "kind"), [("ehlo", Unavailable), ("rcpt", Transient), ("data", Transient), ("dot", Uncertain)]
)
def test_a_stall_ends_by_itself(step, kind):
    with FakeSmtp({step: [STALL]}) as server:
        start = time.monotonic()
        with pytest.raises(kind):
            send(channel(server, timeout_seconds=0.1), message())
        assert time.monotonic() - start < 4


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    start = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(start).not_valid_after(start + timedelta(days=9)).add_extension(here, critical=False)
    signed = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_starttls_is_used_and_an_unknown_certificate_refused(certificate, monkeypatch: pytest.MonkeyPatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FakeSmtp(tls=context, login=("vigie", "right")) as server:
        way = channel(server, security="starttls", username="vigie", password="right")
        with pytest.raises(Misconfigured, match="certificate"):
            send(way, message())
        assert server.taken == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        send(way, message())
        assert len(server.taken) == 1
