"""Files as a source: posts for `collect`, and everything that `vigie import` reads."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from domain.customer import Customer, Interaction, Order
from domain.errors import BadInput
from domain.post import Batch, Cursor, Delete, Rejected, Upsert
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.customers import (
    CUSTOMER_COLUMNS,
    CUSTOMER_REQUIRED,
    INTERACTION_COLUMNS,
    INTERACTION_REQUIRED,
    ORDER_COLUMNS,
    ORDER_REQUIRED,
    customer,
    interaction,
    order,
)
from listeners.posts import POST_COLUMNS, POST_REQUIRED, post_event
from listeners.records import FORMATS, NETWORK, RAW_LIMIT, Row, read_rows
from listeners.values import BadRow

BATCH_ROWS = 500
REJECTED_SUFFIX = ".rejected.jsonl"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What a row says, and the line that it stood in."""

    line: int
    value: T


class ItemReader(Iterator[Read[T] | Rejected], Generic[T]):
    """The items of one file in their order. `BadInput` is raised at once, before the first item.

    `unknown_columns` grows while reading: columns that no field has, for one warning at the end.
    """

    def __init__(
        self,
        path: Path | str,
        mapper: Callable[[Mapping[str, Any]], T],
        known: Collection[str],
        required: Collection[str],
    ) -> None:
        self.path = Path(path)
        self._mapper = mapper
        self._known = known
        self._unknown: dict[str, None] = {}
        rows = read_rows(self.path, required)
        self._rows = chain(tuple(islice(rows, 1)), rows)

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """In the order in which they were met."""
        return tuple(self._unknown)

    def __next__(self) -> Read[T] | Rejected:
        row = next(self._rows)
        return row if isinstance(row, Rejected) else self._item(row)

    def _item(self, row: Row) -> Read[T] | Rejected:
        self._unknown.update((name, None) for name in row.values if name not in self._known)
        try:
            return Read(row.line, self._mapper(row.values))
        except BadRow as error:
            return row.rejected(str(error))


def read_posts(path: Path | str) -> ItemReader[Upsert | Delete]:
    """Posts and deletions; unknown columns are kept as attributes."""
    return ItemReader(path, post_event, POST_COLUMNS, POST_REQUIRED)


def read_customers(path: Path | str) -> ItemReader[Customer]:
    """Customers; unknown columns are kept as attributes."""
    return ItemReader(path, customer, CUSTOMER_COLUMNS, CUSTOMER_REQUIRED)


def read_orders(path: Path | str) -> ItemReader[Order]:
    """Orders; unknown columns are left out."""
    return ItemReader(path, order, ORDER_COLUMNS, ORDER_REQUIRED)


def read_interactions(path: Path | str) -> ItemReader[Interaction]:
    """Interactions; unknown columns are left out."""
    return ItemReader(path, interaction, INTERACTION_COLUMNS, INTERACTION_REQUIRED)


class RejectedFile:
    """`FILE.rejected.jsonl`: line, reason and raw text of each row that did not go in.

    Written anew each time and put in place at the end; where nothing was rejected there is none.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(f"{path}{REJECTED_SUFFIX}")
        self.count = 0
        self._part = self.path.with_name(f"{self.path.name}.part")

    def __enter__(self) -> "RejectedFile":
        try:
            self._stream = self._part.open("w", encoding="ascii")
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be written: {error.strerror}") from error
        return self

    def add(self, rejected: Rejected) -> None:
        """Keep one row."""
        entry = {"line": rejected.line, "reason": rejected.reason, "raw": rejected.raw[:RAW_LIMIT]}
        self._stream.write(json.dumps(entry, ensure_ascii=True) + "\n")
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if self.count:
            self._part.replace(self.path)
        else:
            self._part.unlink()
            self.path.unlink(missing_ok=True)


def write_rejected(path: Path | str, rejected: Iterable[Rejected]) -> int:
    """All rejected rows of one file at once; how many there were."""
    with RejectedFile(path) as file:
        for row in rejected:
            file.add(row)
    return file.count


class FilesSettings(ListenerSettings):
    """Files or folders of posts that `collect` reads again whenever they change."""

    paths: tuple[str, ...] = ()


class FileListener:
    """Posts from a file, or from every such file of a folder (the query is the path).

    The cursor keeps, for each path, what the file was (`sha256 size mtime`) and how many of its rows are
    stored (`rows`; `done` when all are). A file that has not changed gives no batch; a changed one is read
    from its start, because a post is stored once anyway.
    """

    name: ClassVar[str] = "files"
    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "files"
    Settings: ClassVar[type[ListenerSettings]] = FilesSettings

    @classmethod
    def sources(cls, settings: FilesSettings, around: Around) -> Iterator[Source]:
        """Every path."""
        for path in settings.paths:
            yield Source(cls.name, str(around.path(path)), cls(), Budget(max_posts=10_000_000), verifies=False)

    def check(self) -> str:
        """Nothing to ask."""
        return "reads what is there"

    def close(self) -> None:
        """Nothing stays open."""

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Batches of `BATCH_ROWS` rows. Raises `BadInput`."""
        places = dict(cursor or {})
        meter = Meter(budget)
        for path in _paths(Path(query)):
            for batch in _pull_file(path, places):
                meter.posts += len(batch.events)
                yield batch
                if meter.spent:
                    return

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Nothing: a file tells its deletions by `deleted`."""
        return iter(())


LISTENER = FileListener


def _paths(query: Path) -> list[Path]:
    if not query.is_dir():
        return [query]
    return sorted(path for path in query.iterdir() if path.is_file() and _is_readable(path.name.lower()))


def _is_readable(name: str) -> bool:
    kind = name.removesuffix(".gz").rpartition(".")[2]
    return kind in FORMATS and not name.endswith(REJECTED_SUFFIX)


def _pull_file(path: Path, places: dict[str, Any]) -> Iterator[Batch]:
    place = dict(places.get(str(path), {}))
    now = _identity(path, place)
    if now["sha256"] != place.get("sha256"):
        place = {}
    if place.get("done"):
        return
    reader = read_posts(path)
    rows = sum(1 for _ in islice(reader, place.get("rows", 0)))
    for items, last in _chunks(reader, BATCH_ROWS):
        rows += len(items)
        places[str(path)] = {**now, "rows": rows, "done": last}
        yield _batch(items, dict(places), last)


def _identity(path: Path, place: Mapping[str, Any]) -> dict[str, Any]:
    """What the file is now; it is hashed only where size or time differ from the stored place."""
    try:
        stat = path.stat()
        seen = {"size": stat.st_size, "mtime": stat.st_mtime_ns}
        if seen == {key: place.get(key) for key in seen}:
            return {"sha256": place["sha256"], **seen}
        with path.open("rb") as stream:
            return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest(), **seen}
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def _chunks(items: Iterator[T], size: int) -> Iterator[tuple[list[T], bool]]:
    """Lists of up to `size`, each with whether it is the last one. An empty source gives one empty list."""
    chunk = list(islice(items, size))
    while True:
        following = list(islice(items, size))
        yield chunk, not following
        if not following:
            return
        chunk = following


def _batch(items: list[Read[Upsert | Delete] | Rejected], cursor: Cursor, last: bool) -> Batch:
    events = [item.value for item in items if isinstance(item, Read)]
    rejected = [item for item in items if isinstance(item, Rejected)]
    return Batch(events, rejected, cursor, complete=last, cost=float(len(items)))
