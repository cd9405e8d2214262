"""A real SMTP server on a real socket, which can fail at every step as real ones do.

    with FakeSmtp(faults={"rcpt": ["450 4.2.0 come back later"]}) as server:
        ...  # the first RCPT gets the 450, the second is accepted

Steps: `ehlo mail rcpt data dot`. A fault is the reply to give, DROP (close without a word), STALL (say
nothing until the client has gone) or, at the dot, KEEP_AND_DROP (take the mail and close without a word).
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from ssl import SSLContext
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from typing_extensions import override

DROP = "drop"
STALL = "stall"
KEEP_AND_DROP = "keep and drop"


@dataclass(frozen=True)
class Taken:
    """A mail that the server has taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.content, policy=policy.default)  # type: ignore[arg-type,return-value]


class _Smtp(SMTP):
    """aiosmtpd, asked before each step whether it should fail."""

    fake: "FakeSmtp"

    async def _fails(self, step: str) -> bool:
        fault = self.fake.next_fault(step)
        if fault is None:
            return False
        if fault == STALL:
            await self.fake.released.wait()
        if fault in (STALL, DROP):
            self.transport.abort()
        else:
            await self.push(fault)
            if fault.startswith("421"):
                self.transport.close()
        return True

    @override
    async def smtp_EHLO(self, hostname: str) -> None:
        if not await self._fails("ehlo"):
            await super().smtp_EHLO(hostname)

    @override
    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._fails("mail"):
            await super().smtp_MAIL(arg)

    @override
    async def smtp_RCPT(self, arg: str | None) -> None:
        if not await self._fails("rcpt"):
            await super().smtp_RCPT(arg)

    @override
    async def smtp_DATA(self, arg: str | None) -> None:
        if not await self._fails("data"):
            await super().smtp_DATA(arg)


class FakeSmtp:
    """Runs in a thread; `taken` are the mails, in order. `login` is the one (name, password) that it knows."""

    def __init__(
        self,
        faults: Mapping[str, Sequence[str]] | None = None,
        login: tuple[str, str] | None = None,
        tls: SSLContext | None = None,
        smtputf8: bool = False,
    ) -> None:
        self.taken: list[Taken] = []
        self.host, self.port = "127.0.0.1", 0
        self._faults = {step: list(queue) for step, queue in (faults or {}).items()}
        self._login, self._tls, self._utf8 = login, tls, smtputf8
        self._loop = asyncio.new_event_loop()
        self.released = asyncio.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> "FakeSmtp":
        server = self._loop.run_until_complete(self._loop.create_server(self._protocol, self.host, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._server = server
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def next_fault(self, step: str) -> str | None:
        """Take the next fault planned for a step."""
        with self._lock:
            queue = self._faults.get(step)
            return queue.pop(0) if queue else None

    def count(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(str(taken.mail["Message-ID"]) for taken in list(self.taken))

    async def handle_DATA(self, server: _Smtp, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """The final dot."""
        fault = self.next_fault("dot")
        if fault in (None, KEEP_AND_DROP):
            content = envelope.original_content or b""
            self.taken.append(Taken(str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos)), content))
        if fault == STALL:
            await self.released.wait()
        if fault in (KEEP_AND_DROP, DROP, STALL):
            server.transport.abort()
        if fault is None:
            return f"250 2.0.0 queued as {len(self.taken)}"
        return fault

    def _protocol(self) -> _Smtp:
        options: dict[str, Any] = {"enable_SMTPUTF8": self._utf8, "tls_context": self._tls}
        if self._login is not None:
            options |= {"authenticator": self._authenticate, "auth_require_tls": self._tls is not None}
        protocol = _Smtp(self, hostname="mail.example.org", loop=self._loop, **options)
        protocol.fake = self
        return protocol

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False)

    async def _shut(self) -> None:
        self.released.set()
        self._server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
