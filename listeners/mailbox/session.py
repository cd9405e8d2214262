"""One connection to one folder of an IMAP server (RFC 9051), for reading only: nothing is marked, nothing deleted.

imap-tools and the imaplib under it wait for each read as long as its time-out, so that a server that sends
a byte a second holds them for ever. Here every step has one deadline, after which its connection is cut.
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar, cast

from domain.errors import Permanent, Transient, VigieError
from listeners.mailbox.mime import READ_BYTES

if TYPE_CHECKING:
    from imap_tools.mailbox import BaseMailBox

LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")
LEAVE_SECONDS = 2.0
SHORTEST_SECONDS = 0.05
# What a server may answer to a log-in that is right (RFC 5530).
_FOR_NOW = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA"})
_CODE = re.compile(r"\[([A-Z-]{1,40})")
_UID = re.compile(rb"\bUID (\d{1,20})\b")
_RECEIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_BREAKS = (OSError, EOFError, ValueError, TypeError, AttributeError, LookupError, MemoryError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """Where the mails are, and as whom. `timeout_seconds` bounds each step."""

    host: str
    username: str
    password: str = field(repr=False)
    port: int = 993
    security: Literal["tls", "starttls", "none"] = "tls"
    timeout_seconds: float = 30.0

    @property
    def who(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A mail, or its first `READ_BYTES`; `received` is when the server took it in, None if it does not say."""

    content: bytes
    received: datetime | None


class Session:
    """An open folder. `validity` changes when the server has numbered its mails anew; `count` is how many there are."""

    def __init__(self, access: Access, folder: str, seconds: float) -> None:
        self._access, self._guard = access, _Guard()
        try:
            self._box = self._step("the connection", seconds, lambda: _connected(access, self._guard))
            self._log_in(seconds)
            self.count = self._examine(folder, seconds)
        except VigieError:
            self._guard.close()
            raise
        self.validity = (self._box.client.response("UIDVALIDITY")[1] or [None])[0] or b""

    def uids(self, criteria: str, seconds: float) -> list[int]:
        """The numbers of the mails that fit, ascending. Raises `Transient`."""
        told = self._step("the search", seconds, lambda: self._box.uids(criteria, charset=None))
        if not all(uid.isascii() and uid.isdigit() for uid in told):
            raise Transient(f"{self._access.who} answered something that is no list of mails")
        return sorted({int(uid) for uid in told})

    def mail(self, uid: int, seconds: float) -> Fetched | None:
        """One mail; None if it was taken away meanwhile. Raises `Transient`."""
        parts = f"(UID INTERNALDATE BODY.PEEK[]<0.{READ_BYTES}>)"
        kind, told = self._step("a mail", seconds, lambda: self._box.client.uid("FETCH", str(uid), parts))
        if kind != "OK":
            raise Transient(f"{self._access.who} does not show a mail for now")
        for place, item in enumerate(told):
            if isinstance(item, tuple):
                after = told[place + 1] if place + 1 < len(told) else b""
                words = item[0] + (after if isinstance(after, bytes) else b"")
                number = _UID.search(words)
                if number is not None and int(number[1]) == uid:
                    return Fetched(item[1], _received(words))
        return None

    def close(self) -> None:
        """Say goodbye if anybody listens."""
        with suppress(VigieError):
            self._step("the farewell", LEAVE_SECONDS, self._box.logout)
        self._guard.close()

    def _log_in(self, seconds: float) -> None:
        import imaplib

        from imap_tools.errors import MailboxLoginError

        access = self._access
        plain = access.username.isascii() and access.password.isascii()
        log_in = self._box.login if plain else self._box.login_utf8
        refusals = (MailboxLoginError, imaplib.IMAP4.error)
        try:
            self._step("the log-in", seconds, lambda: log_in(access.username, access.password, None), refusals)
        except imaplib.IMAP4.abort as error:
            raise self._trouble("the log-in", error) from None
        except refusals as error:
            # The text of the answer is left out: some servers repeat what they were given.
            code = _code(error)
            if code in _FOR_NOW:
                raise Transient(f"{access.who} lets nobody in for now ({code})") from None
            raise Permanent(f"{access.who} refuses the log-in{f' ({code})' if code else ''}: mend its access") from None

    def _examine(self, folder: str, seconds: float) -> int:
        from imap_tools.errors import MailboxFolderSelectError

        try:
            told = self._step(
                "the folder", seconds, lambda: self._box.folder.set(folder, readonly=True), (MailboxFolderSelectError,)
            )
        except MailboxFolderSelectError as error:
            if _code(error) in _FOR_NOW:
                raise Transient(f"{self._access.who} does not open the folder for now") from None
            raise Permanent(f"{self._access.who} has no folder {folder!r}, or does not show it") from None
        count = told[1][0] if told[1] else None
        return int(count) if isinstance(count, bytes) and count.isdigit() else 0

    def _step(self, what: str, seconds: float, work: Callable[[], T], passed: tuple[type[Exception], ...] = ()) -> T:
        """Do it before the deadline; `passed` are errors that the caller understands."""
        import imaplib

        from imap_tools.errors import ImapToolsError

        try:
            with self._guard.deadline(max(min(self._access.timeout_seconds, seconds), SHORTEST_SECONDS)):
                return work()
        except passed:
            raise
        except ssl.SSLCertVerificationError as error:
            raise Permanent(f"{self._access.who}: its certificate is not valid: {error.verify_message}") from None
        except (ImapToolsError, imaplib.IMAP4.error, *_BREAKS) as error:
            raise self._trouble(what, error) from None

    def _trouble(self, what: str, error: Exception) -> Transient:
        if self._guard.is_cut or isinstance(error, TimeoutError):
            return Transient(f"{self._access.who} did not answer in time ({what})")
        return Transient(f"{self._access.who} broke off at {what} ({type(error).__name__})")


class _Guard:
    """Holds the socket of a connection, and cuts it when the time is over."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.stream: IO[bytes] | None = None
        self.is_cut = False

    def hold(self, held: socket.socket) -> None:
        self._socket = held
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        self.is_cut = True
        if self._socket is not None:
            # Not SSLSocket.shutdown: that would turn a later write into clear text.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        for part in (self.stream, self._socket):
            if part is not None:
                with suppress(OSError):
                    part.close()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.settimeout(seconds)
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _connected(access: Access, guard: _Guard) -> "BaseMailBox":
    """imap-tools over a connection that the guard holds from its first byte on."""
    import imaplib

    from imap_tools.mailbox import BaseMailBox

    class Client(imaplib.IMAP4):
        def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
            self.host, self.port = host, port
            self.sock = socket.create_connection((host, port), timeout)
            guard.hold(self.sock)
            if access.security == "tls":
                tls = ssl.create_default_context()
                self.sock = tls.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
                guard.hold(self.sock)
                self.sock.do_handshake()
            self.file = guard.stream = self.sock.makefile("rb")

    class Box(BaseMailBox):
        def _get_mailbox_client(self) -> imaplib.IMAP4:
            client = Client(access.host, access.port, access.timeout_seconds)
            if access.security == "starttls":
                client.starttls(ssl.create_default_context())
                guard.hold(client.sock)
                guard.stream = cast("IO[bytes]", client.file)
            return client

    return Box()


def _received(words: bytes) -> datetime | None:
    found = _RECEIVED.search(words)
    try:
        moment = parsedate_to_datetime(found[1].decode("ascii").replace("-", " ", 2)) if found else None
    except (ValueError, TypeError, IndexError):
        return None
    return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)


def _code(error: Exception) -> str:
    """The response code in brackets (RFC 5530) of a NO, as imap-tools or imaplib tell it."""
    told: Any = getattr(error, "command_result", (None, error.args))[1]
    found = _CODE.search(str(told[-1]) if told else "")
    return found[1] if found else ""
