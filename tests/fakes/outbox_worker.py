"""A worker of the outbox in a process of its own, for drills that kill it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

from sqlalchemy.orm import Session

from routing.channels.base import Carriers
from routing.channels.email import EmailChannel, EmailOptions
from routing.channels.folder import FolderChannel, FolderOptions
from routing.outbox import deliver, sweep
from storage.claims import release_dead
from storage.database import Database
from storage.tables import MessageRow


@dataclass(frozen=True)
class Order:
    """What the worker shall do; with a `folder` it writes there instead of sending to the port."""

    url: str
    port: int
    folder: Path | None = None

    def carriers(self) -> Carriers:
        """The channel of the drill."""
        if self.folder is not None:
            return Carriers(shadow=FolderChannel(FolderOptions(self.folder)))
        options = EmailOptions("127.0.0.1", "care@acme.example", self.port, "none", timeout_seconds=20.0)
        return Carriers({"email": EmailChannel(options)})


def work(order: Order, at_work: Event | None = None) -> None:
    """What every start does: give back what the dead held, look at what was in the air, deliver."""
    database = Database(order.url)
    if at_work is not None:
        at_work.set()
    with database.begin() as session:
        release_dead(session)
    sweep(database, order.carriers(), _clock)
    deliver(database, order.carriers(), _nothing_against_it, _clock, batch=20)
    database.close()


def _clock() -> datetime:
    return datetime.now(UTC)


def _nothing_against_it(session: Session, message: MessageRow) -> None:
    return None
