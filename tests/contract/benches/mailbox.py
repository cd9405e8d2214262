"""A mailbox before its listener."""

from datetime import UTC, datetime
from pathlib import Path

from listeners.mailbox.listener import PAGE_SIZE, MailboxListener
from listeners.mailbox.session import Access
from tests.contract.benches.base import Bench, Make
from tests.fakes.imap_server import ImapServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)
FOR_EVER = "a mail that was sent is never changed"


class MailboxBench(Bench):
    network = "email"
    page = PAGE_SIZE
    query = "INBOX"
    lacks = {  # noqa: RUF012
        "edit": FOR_EVER,
        "undated edit": FOR_EVER,
        "delete": "a mail that was received was said, also when somebody tidies the mailbox",
    }

    def __init__(self, _: Path | None = None) -> None:
        self.server = ImapServer().__enter__()
        self.listener: MailboxListener = self.listen()

    def listen(self, timeout_seconds: float = 20, password: str = "a-password") -> MailboxListener:
        access = Access(self.server.host, "care", password, self.server.port, "none", timeout_seconds)
        return MailboxListener(access, clock=lambda: NOW)

    def add(self, *ids: str) -> None:
        for id_ in ids:
            self.server.deliver(self.mail(id_))

    def add_bad(self) -> None:
        self.server.deliver(b"\r\n\r\n")

    def key(self, id_: str) -> str:
        return f"{id_}@example.org"

    @staticmethod
    def mail(id_: str) -> bytes:
        return (
            f"Message-ID: <{id_}@example.org>\r\nFrom: Ana <Ana@Example.org>\r\nTo: care@hirondelle.example\r\n"
            f"Date: Mon, 2 Nov 2026 10:00:00 +0100\r\nSubject: post {id_}\r\n\r\nColis perdu\r\n"
        ).encode()

    def close(self) -> None:
        self.listener.close()
        self.server.__exit__(None, None, None)


BENCHES: dict[str, Make] = {"mailbox": MailboxBench}
