"""E-mail by SMTP, staged so that the commit stands before DATA (RFC 5321).

`stage` goes up to the accepted RCPT: a connection that ends there delivers nothing. `hand_over` sends
DATA, the text and, apart, the final dot: what breaks before the dot was surely not accepted, what breaks
after it is anybody's guess.

    answer to …        4xx, 421, silence                5xx
    connect, greeting  Unavailable                      Unavailable (554: Misconfigured)
    STARTTLS, AUTH     Unavailable                      Misconfigured
    MAIL               Transient                        Misconfigured (552: Permanent)
    RCPT               Transient                        AddressRefused (550 551 553, x.1.x), else Permanent
    DATA, the text     Transient                        Permanent
    the final dot      4xx Transient, silence Uncertain AddressRefused (x.1.x), else Permanent
"""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import OutgoingMessage
from routing.channels._mime import compose, mailbox, sender_mailbox
from routing.channels.base import (
    AddressRefused,
    Channel,
    ChannelSettings,
    ChannelTable,
    Handed,
    Surroundings,
    Unavailable,
)
from routing.plain import one_line

LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")
BAD_ADDRESS = (550, 551, 553)
_ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS = re.compile(r"\S*@\S*")


class EmailSettings(ChannelSettings):
    """Real mail by SMTP. Off until the operator says so; `sender` is the address that customers see."""

    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = ""
    sender_name: str = ""
    timeout_seconds: float = Field(30.0, gt=0, le=600)


@dataclass(frozen=True, slots=True)
class EmailOptions:
    """Where and how to send. `timeout_seconds` bounds each answer; the steps together take six of them at most."""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    sender_name: str = ""
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said. `text` holds no address."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), "" if there is none."""
        found = _ENHANCED.match(self.text)
        return found.group() if found else ""

    @property
    def blames_address(self) -> bool:
        """Whether the server says that the address itself is bad."""
        return self.enhanced.startswith("5.1.")

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class _Envelope:
    """A connection whose server has accepted sender and recipient."""

    client: smtplib.SMTP
    content: bytes
    seconds: float

    def hand_over(self) -> Handed:
        """DATA, the text, the dot, and the answer to it."""
        with _deadline(self.client, self.seconds):
            self._send_text()
            try:
                self._be_patient()
                self.client.send(b".\r\n")
                answer = _reply(self.client.getreply())
            except OSError:
                raise Uncertain("the connection was lost after the final dot") from None
        return _taken(answer)

    def _be_patient(self) -> None:
        """Servers that look into the text answer late; the deadline still holds."""
        if self.client.sock is not None:
            self.client.sock.settimeout(self.seconds)

    def _send_text(self) -> None:
        try:
            answer = _reply(self.client.docmd("DATA"))
            if answer.code == 354:
                self.client.send(_stuffed(self.content))
                return
        except OSError:
            raise Transient("the connection was lost before the final dot") from None
        if answer.code >= 500:
            raise Permanent(f"DATA refused: {answer}")
        raise Transient(f"DATA refused for now: {answer}")


class EmailChannel(Channel):
    """Real mail to real people."""

    name: ClassVar[str] = "email"
    channel: ClassVar[str] = "email"
    Settings: ClassVar[type[ChannelTable]] = EmailSettings
    carries_subject: ClassVar[bool] = True
    attachments: ClassVar[bool] = True

    def __init__(self, options: EmailOptions) -> None:
        self._options = options

    @classmethod
    def make(cls, settings: EmailSettings, around: Surroundings) -> Self:
        """Needs a host and a sender."""
        if not settings.host or not settings.sender:
            raise Misconfigured("channels.email is on but has no host or no sender: set both, or switch it off")
        plain = settings.model_dump(exclude={"on", "password"})
        return cls(EmailOptions(**plain, password=settings.password.get_secret_value()))

    @property
    def hand_over_seconds(self) -> float:
        """Two steps: DATA with its text, and the answer to the final dot."""
        return 2 * self._options.timeout_seconds

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[_Envelope]:
        """Connect, log in, name sender and recipient."""
        sender, recipient = sender_mailbox(self._options.sender), mailbox(message.address)
        content = compose(message, sender, self._options.sender_name)
        with self._connected(sender) as client:
            with _deadline(client, 2 * self._options.timeout_seconds):
                _address(client, sender, recipient)
            yield _Envelope(client, content, self.hand_over_seconds)

    def check(self) -> None:
        """Connect, log in and leave."""
        with self._connected(sender_mailbox(self._options.sender)):
            pass

    @contextmanager
    def _connected(self, sender: str) -> Iterator[smtplib.SMTP]:
        if not self._options.host:
            raise Misconfigured("channels.email.host is not set")
        client = self._client(sender.rpartition("@")[2])
        try:
            with _deadline(client, 2 * self._options.timeout_seconds):
                self._connect(client)
                self._encrypt(client)
                self._log_in(client)
            yield client
        finally:
            _leave(client)

    def _client(self, own_domain: str) -> smtplib.SMTP:
        # The name that we greet with is the sender's domain: it tells nothing of this machine.
        timeout = self._options.timeout_seconds
        if self._options.security == "tls":
            return smtplib.SMTP_SSL(local_hostname=own_domain, timeout=timeout, context=ssl.create_default_context())
        return smtplib.SMTP(local_hostname=own_domain, timeout=timeout)

    def _connect(self, client: smtplib.SMTP) -> None:
        host, port = self._options.host, self._options.port
        # smtplib looks at the name once more when it checks the certificate.
        client._host = host  # type: ignore[attr-defined]
        where = f"{host}:{port}"
        try:
            greeting = _reply(client.connect(host, port))
            if greeting.code == 220:
                _hurry(client)
                client.ehlo_or_helo_if_needed()
                return
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(f"{where}: its certificate is not valid: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise Misconfigured(f"{where} does not speak TLS: {error.reason}") from None
        except UnicodeError:
            raise Misconfigured("channels.email.host is no host name") from None
        except socket.gaierror as error:
            kind = Misconfigured if error.errno == socket.EAI_NONAME else Unavailable
            raise kind(f"{where}: the host name cannot be resolved") from None
        except OSError as error:
            raise Unavailable(f"{where} does not answer ({type(error).__name__})") from None
        kind = Misconfigured if greeting.code == 554 else Unavailable
        raise kind(f"{where} turns us away: {greeting}")

    def _encrypt(self, client: smtplib.SMTP) -> None:
        if self._options.security != "starttls":
            return
        if not client.has_extn("starttls"):
            raise Misconfigured(f"{self._options.host} offers no STARTTLS (channels.email.security)")
        try:
            code, _ = client.starttls(context=ssl.create_default_context())
            if code != 220:
                raise Unavailable(f"STARTTLS refused: {code}")
            client.ehlo_or_helo_if_needed()
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(f"{self._options.host}: its certificate is not valid: {error.verify_message}") from None
        except OSError as error:
            raise Unavailable(f"STARTTLS failed ({type(error).__name__})") from None

    def _log_in(self, client: smtplib.SMTP) -> None:
        if not self._options.username:
            return
        if self._options.security == "none" and self._options.host not in LOCAL_HOSTS:
            raise Misconfigured("channels.email: no password over a connection without TLS")
        try:
            client.login(self._options.username, self._options.password)
        except smtplib.SMTPNotSupportedError:
            raise Misconfigured(f"{self._options.host} offers no log-in (channels.email.username)") from None
        except smtplib.SMTPResponseException as error:
            # The text of the answer is left out: some servers repeat what they were given.
            if error.smtp_code < 500:
                raise Unavailable(f"log-in refused for now: {error.smtp_code}") from None
            raise Misconfigured(f"log-in refused: {error.smtp_code} (channels.email.username, password)") from None
        except OSError as error:
            raise Unavailable(f"log-in broke off ({type(error).__name__})") from None


CHANNEL = EmailChannel


def _address(client: smtplib.SMTP, sender: str, recipient: str) -> None:
    options = []
    if not recipient.isascii():
        if not client.has_extn("smtputf8"):
            raise Permanent("the mail server takes only ASCII addresses (no SMTPUTF8)")
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    try:
        answer = _reply(client.mail(sender, options))
        if 200 <= answer.code < 300:
            return _accepted(_reply(client.rcpt(recipient)))
    except OSError as error:
        raise Transient(f"the connection was lost before RCPT was accepted ({type(error).__name__})") from None
    if answer.code < 500:
        raise Transient(f"MAIL refused for now: {answer}")
    if answer.code == 552:
        raise Permanent(f"MAIL refused: {answer}")
    raise Misconfigured(f"MAIL refused: {answer} (channels.email.sender)")


def _accepted(answer: Reply) -> None:
    """The answer to RCPT."""
    if 200 <= answer.code < 300:
        return
    if answer.code < 500:
        raise Transient(f"RCPT refused for now: {answer}")
    if answer.code == 530:
        raise Misconfigured(f"RCPT refused: {answer} (channels.email.username)")
    if answer.blames_address or (answer.code in BAD_ADDRESS and not answer.enhanced):
        raise AddressRefused(f"RCPT refused: {answer}")
    raise Permanent(f"RCPT refused: {answer}")


def _taken(answer: Reply) -> Handed:
    """The answer to the final dot."""
    if 200 <= answer.code < 300:
        return Handed(answer.text[:300])
    if 400 <= answer.code < 500:
        raise Transient(f"the text was refused for now: {answer}")
    if answer.blames_address:
        raise AddressRefused(f"the text was refused: {answer}")
    if 500 <= answer.code < 600:
        raise Permanent(f"the text was refused: {answer}")
    raise Uncertain(f"the answer to the final dot cannot be understood: {answer.code}")


def _reply(answer: tuple[int, bytes]) -> Reply:
    code, raw = answer
    text = one_line(raw.decode("utf-8", "replace"))
    return Reply(code, _ADDRESS.sub("…", text)[:200])


def _stuffed(content: bytes) -> bytes:
    """The text as DATA wants it: a dot doubled at each line's start, the last line ended (RFC 5321, 4.5.2)."""
    text = re.sub(rb"(?m)^\.", b"..", content)
    return text if text.endswith(b"\r\n") else text + b"\r\n"


@contextmanager
def _deadline(client: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut the connection when the time is over: a time-out per read is no bound against a server that drips."""
    timer = threading.Timer(seconds, _cut, (client,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(client: smtplib.SMTP) -> None:
    sock = client.sock
    if sock is not None:
        try:
            # Not SSLSocket.shutdown: that would turn a later write into clear text.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            return  # it is gone already


def _hurry(client: smtplib.SMTP) -> None:
    """Without this the final dot, sent apart, waits for the acknowledgement of the text (Nagle)."""
    if client.sock is not None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave(client: smtplib.SMTP) -> None:
    """Say QUIT if anybody listens; what was answered before holds whatever happens now."""
    try:
        if client.sock is not None:
            client.sock.settimeout(2.0)
            client.quit()
    except (OSError, ValueError):
        pass
    finally:
        client.close()
