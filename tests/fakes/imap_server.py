"""A small IMAP server (RFC 3501) on a real socket, for reading, with faults to switch on.

with ImapServer() as server:
    server.deliver(b"From: ana@example.org\\r\\n\\r\\nBonjour")
    server.faults["FETCH"] = [Fault("drop")]
    Access(server.host, "care", "a-password", server.port, "none")

Faults, taken one for each command of that name ("GREETING" for the connection itself):
    drop    close without a word          stall   say nothing until the client has gone
    cut     close in the middle of the answer
    drip    send the right answer, a byte every `seconds`
    no, bad, bye   answer so, with `text`
    say     send `text` in place of the untagged lines
"""

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


@dataclass
class Fault:
    """What goes wrong with one command."""

    kind: str
    text: bytes = b""
    seconds: float = 0.02


@dataclass
class Kept:
    """A mail in the folder. `said` is what the server says in place of the mail, where that is not right."""

    uid: int
    content: bytes
    received: datetime
    said: Callable[["Kept"], bytes] | None = None


@dataclass
class ImapServer:
    """One account with one folder. `commands` are those that came in; `stored` tells whether anything was changed."""

    username: str = "care"
    password: str = "a-password"
    folder: str = "INBOX"
    validity: int = 1700000000
    mails: list[Kept] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self._uid = 0

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server((self.host, 0), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def deliver(self, content: bytes, received: datetime | None = None) -> Kept:
        """A new mail, a minute after the last one."""
        self._uid += 1
        mail = Kept(self._uid, content, received or START + timedelta(minutes=self._uid))
        self.mails.append(mail)
        return mail

    def number_anew(self) -> None:
        """As after a restore from a backup."""
        self.validity += 1
        for number, mail in enumerate(self.mails, 1):
            mail.uid = number
        self._uid = len(self.mails)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 50

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left before the answer is what the tests want."""


class _Handler(socketserver.StreamRequestHandler):
    fake: ImapServer
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.fake.tls is not None:
            self.request = self.fake.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.request.close()

    def handle(self) -> None:
        self._logged_in = False
        if not self._fails("GREETING", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", b"*"):
            self._send(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        while line := self.rfile.readline():
            tag, _, rest = line.strip().partition(b" ")
            words = rest.decode("utf-8", "replace")
            name = words.upper().split(" ")[0]
            name = words.upper().split(" ")[1] if name == "UID" else name
            self.fake.commands.append(re.sub(r"^LOGIN .*", "LOGIN", words))
            untagged, status = self._answer(name, words)
            whole = untagged + tag + b" " + status + b"\r\n"
            if not self._fails(name, whole, tag):
                self._send(whole)
            if name == "STARTTLS" and self.fake.starttls is not None:
                self.request = self.fake.starttls.wrap_socket(self.request, server_side=True)
                super().setup()
            if name == "LOGOUT":
                return

    def _answer(self, name: str, words: str) -> tuple[bytes, bytes]:
        if name == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS\r\n", b"OK done"
        if name == "STARTTLS" and self.fake.starttls is not None:
            return b"", b"OK go on"
        if name == "LOGOUT":
            return b"* BYE goodbye\r\n", b"OK done"
        if name == "LOGIN":
            return b"", self._log_in(words)
        if not self._logged_in:
            return b"", b"BAD log in first"
        if name == "EXAMINE":
            return self._examine(words)
        if name in ("SEARCH", "FETCH"):
            return (self._search(words) if name == "SEARCH" else b"".join(self._fetch(words))), b"OK done"
        return b"", b"BAD this server is for reading"

    def _log_in(self, words: str) -> bytes:
        given = tuple(re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:[^"\\]|\\.)*)"', words))
        self._logged_in = given == (self.fake.username, self.fake.password)
        return b"OK logged in" if self._logged_in else b"NO [AUTHENTICATIONFAILED] wrong: " + words.encode()

    def _examine(self, words: str) -> tuple[bytes, bytes]:
        if words.partition(" ")[2].strip('"') != self.fake.folder:
            return b"", b"NO [NONEXISTENT] no such folder"
        told = f"* {len(self.fake.mails)} EXISTS\r\n* OK [UIDVALIDITY {self.fake.validity}] valid\r\n"
        return told.encode(), b"OK [READ-ONLY] done"

    def _search(self, words: str) -> bytes:
        after, since = re.search(r"UID SEARCH UID (\d+):\*", words), re.search(r"SINCE (\d+)-(\w+)-(\d+)", words)
        found = [mail.uid for mail in self.fake.mails]
        if after:
            last = found[-1:]
            found = [uid for uid in found if uid >= int(after[1])] or last
        elif since:
            day = datetime(int(since[3]), MONTHS.index(since[2]) + 1, int(since[1]), tzinfo=UTC)
            found = [mail.uid for mail in self.fake.mails if mail.received >= day]
        return b"* SEARCH" + b"".join(b" %d" % uid for uid in found) + b"\r\n"

    def _fetch(self, words: str) -> Iterator[bytes]:
        asked = re.fullmatch(r"UID FETCH (\d+) \(UID INTERNALDATE BODY\.PEEK\[\]<0\.(\d+)>\)", words, re.IGNORECASE)
        assert asked, words
        for number, mail in enumerate(self.fake.mails, 1):
            if mail.uid == int(asked[1]):
                body = mail.content[: int(asked[2])]
                received = mail.received.strftime(f"%d-{MONTHS[mail.received.month - 1]}-%Y %H:%M:%S +0000")
                head = f'* {number} FETCH (UID {mail.uid} INTERNALDATE "{received}" BODY[]<0> {{{len(body)}}}\r\n'
                yield mail.said(mail) if mail.said else head.encode() + body + b")\r\n"

    # --- faults ---------------------------------------------------------------------------------

    def _fails(self, name: str, whole: bytes, tag: bytes) -> bool:
        waiting = self.fake.faults.get(name)
        if not waiting:
            return False
        fault = waiting.pop(0)
        if fault.kind == "drip":
            self._drip(whole, fault.seconds)
        elif fault.kind in ("drop", "stall", "cut"):
            self._send(whole[: len(whole) // 2] if fault.kind == "cut" else b"")
            self.fake.stop.wait(0 if fault.kind != "stall" else 5)
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.kind == "say":
            self._send(fault.text + tag + b" OK done\r\n")
        elif fault.kind == "bye":
            self._send(b"* BYE " + fault.text + b"\r\n")
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(tag + b" " + fault.kind.upper().encode() + b" " + fault.text + b"\r\n")
        return True

    def _drip(self, whole: bytes, seconds: float) -> None:
        for index in range(len(whole)):
            if self.fake.stop.wait(seconds):
                return
            self._send(whole[index : index + 1])

    def _send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
