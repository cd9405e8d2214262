"""Matching at size: import, index, one post, memory, a change, an erasure; Splink beside on the same data."""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import psutil
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks import _matching_beside as beside
from benchmarks._databases import NOW, database, server
from benchmarks._matching_quality import POSTS_A_BATCH, RULES, SHOP, Imported, import_world, speakers
from benchmarks._matching_world import Heard, World
from benchmarks._matching_world_people import Record
from benchmarks._report import one_core
from config.policies import network_policy
from models.entities import find_entities
from routing.crm import import_customers, keyring
from routing.matching.bound import lower_bound
from routing.matching.lookup import Lookup
from routing.matching.matcher import Matcher
from routing.matching.normal import name_words
from routing.matching.quoted import quoted_hashes, quoted_identifiers
from routing.matching.speaker import Speaker
from storage.database import Database
from storage.people import erase_customer
from storage.quotes import save_quotes

MOST_POSTS, CHANGED = 5_000, 100
CERTAIN = 0.99
MB = 2**20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds a post (p50, p95, p99), posts a second with and without storing and reading them, and memory."""

    p50: float
    p95: float
    p99: float
    matched_a_second: float
    whole_a_second: float
    mb_before: float
    mb_most: float


def measure(customers: int, posts: int, kind: str, seed: int, folder: Path) -> tuple[dict[str, Any], Iterator[str]]:
    """One natural world, imported, matched and changed."""
    world = World("natural", customers, min(posts, MOST_POSTS), seed)
    with server(kind) as place, database(place) as opened, TemporaryDirectory(prefix="vigie-bench-") as files:
        writer = _Writer(folder, Path(files))
        imported = import_world(opened, writer.copied(world.records()))
        heard = world.posts()
        sizes = _sizes(opened)
        url = opened.engine.url.render_as_string(hide_password=False)
        times = _apart(_matched, url, heard)
        changed, erased = _apart(_changed, url, customers, seed)
        splink = writer.measure(heard)
    told = {
        "customers": imported.customers,
        "orders": imported.orders,
        "import_customers_a_second": imported.customers / imported.seconds,
        "bytes": sizes,
        "times": {name: getattr(times, name) for name in Times.__slots__},
        "change_visible_ms": changed,
        "erasure_visible_ms": erased,
        "splink": splink,
    }
    return told, _lines(told, imported, times)


def _apart(function: Callable[..., T], *arguments: object) -> T:
    """In a process of its own, whose memory holds nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _matched(url: str, heard: Sequence[Heard]) -> Times:
    """Every post once, on one core. Reading texts needs the whole reader; its memory is not the matcher's."""
    process = psutil.Process()
    opened = Database(url)
    taken: list[float] = []
    start = time.perf_counter()
    mb_before = 0.0
    with one_core():
        for first in range(0, len(heard), POSTS_A_BATCH):
            with opened.begin() as session:
                prepared = list(speakers(session, heard[first : first + POSTS_A_BATCH]))
                mb_before = mb_before or process.memory_info().rss / MB
                ring = keyring(session)
                matcher = Matcher(session, SHOP, ring, RULES, NOW)
                for row, speaker, entities in prepared:
                    save_quotes(session, row, quoted_hashes(ring, entities))
                    session.flush()
                    taken.append(_one(matcher, speaker, row.network))
    whole = time.perf_counter() - start
    opened.close()
    p50, p95, p99 = (_at(taken, share) for share in (0.5, 0.95, 0.99))
    most = _most_memory()
    return Times(p50, p95, p99, len(taken) / sum(taken), len(taken) / whole, mb_before, most)


def _most_memory() -> float:
    """The most MB that this process has held. Where the system tells it of a process alone, by that: what getrusage
    says begins with the process that made this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        told = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(told["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _one(matcher: Matcher, speaker: Speaker, network: str) -> float:
    start = time.perf_counter()
    matcher.match(speaker, network_policy(network))
    return time.perf_counter() - start


def _changed(url: str, customers: int, seed: int) -> tuple[float, float]:
    """Milliseconds (p95) until another session finds a customer by a new address, and until it finds him no more."""
    opened = Database(url)
    some = [record for record, _ in zip(World("natural", customers, 1, seed).records(), range(CHANGED), strict=False)]
    changes = [_until_seen(opened, record, _move) for record in some]
    erasures = [_until_seen(opened, record, _erase) for record in some]
    opened.close()
    return _at(changes, 0.95), _at(erasures, 0.95)


def _at(seconds: Sequence[float], share: float) -> float:
    """Milliseconds that so many take at most."""
    in_order = sorted(seconds)
    return 1000 * in_order[min(int(share * len(in_order)), len(in_order) - 1)]


def _until_seen(
    opened: Database, record: Record, change: Callable[[Database, Record], Callable[[Session], bool]]
) -> float:
    start = time.perf_counter()
    seen = change(opened, record)
    with opened.begin() as session:
        if not seen(session):
            raise RuntimeError(f"{record.customer.customer_id}: the change is not seen")
    return time.perf_counter() - start


def _move(opened: Database, record: Record) -> Callable[[Session], bool]:
    """Another e-mail, by which he is found then."""
    moved = replace(record.customer, emails=(_new_email(record),))
    with opened.begin() as session:
        import_customers(session, SHOP, [moved], NOW)
    return lambda session: _is_found(session, record)


def _erase(opened: Database, record: Record) -> Callable[[Session], bool]:
    with opened.begin() as session:
        erase_customer(session, SHOP.id, record.customer.customer_id, "bench", NOW)
    return lambda session: not _is_found(session, record)


def _new_email(record: Record) -> str:
    return f"{record.customer.customer_id.lower()}@new.example"


def _is_found(session: Session, record: Record) -> bool:
    key = ("email", keyring(session).key("email", _new_email(record)))
    return key in Lookup(session, SHOP.id, RULES.block_limit, NOW).blocks([key]).found


def _sizes(opened: Database) -> dict[str, int]:
    """Bytes of the whole database and of the table of keys with its indexes, where the database can tell."""
    with opened.engine.connect() as connection:
        if opened.engine.dialect.name == "postgresql":
            whole = "SELECT pg_database_size(current_database())"
            keys = "SELECT pg_total_relation_size('customer_keys')"
        else:
            whole = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            keys = (
                "SELECT sum(pgsize) FROM dbstat WHERE name IN "
                "(SELECT name FROM sqlite_master WHERE tbl_name = 'customer_keys')"
            )
        return {
            name: int(connection.execute(text(query)).scalar() or 0) for name, query in (("all", whole), ("keys", keys))
        }


class _Writer:
    """Hands the file on while it writes it for Splink, where that is installed."""

    def __init__(self, folder: Path, place: Path) -> None:
        self._folder, self._place = folder, place
        self._on = beside.is_installed(folder)

    def copied(self, records: Iterator[Record]) -> Iterator[Record]:
        if not self._on:
            yield from records
            return
        import pyarrow as arrow
        from pyarrow import parquet

        rows: list[dict[str, Any]] = []
        with parquet.ParquetWriter(self._place / "customers.parquet", _schema()) as writer:
            for record in records:
                rows.append(_customer_row(record))
                if len(rows) == 50_000:
                    writer.write_table(arrow.Table.from_pylist(rows, schema=_schema()))
                    rows = []
                yield record
            writer.write_table(arrow.Table.from_pylist(rows, schema=_schema()))

    def measure(self, heard: Sequence[Heard]) -> dict[str, Any] | str:
        if not self._on:
            return beside.MISSING
        import pyarrow as arrow
        from pyarrow import parquet

        rows = [_post_row(one) for one in heard]
        parquet.write_table(arrow.Table.from_pylist(rows, schema=_schema()), self._place / "posts.parquet")
        told = beside.run(self._folder, "world", self._place)
        return {**told, **_quality(told.pop("best"), heard)}


def _schema() -> Any:
    import pyarrow as arrow

    plain = [(name, arrow.string()) for name in ("unique_id", "first_name", "surname", "city", "email", "phone")]
    return arrow.schema([*plain, ("orders", arrow.list_(arrow.string()))])


def _customer_row(record: Record) -> dict[str, Any]:
    who = record.customer
    return {
        "unique_id": who.customer_id,
        "first_name": " ".join(name_words(who.first_name or "")),
        "surname": " ".join(name_words(who.last_name or "")),
        "city": who.city,
        "email": who.emails[0] if who.emails else None,
        "phone": who.phones[0] if who.phones else None,
        "orders": [order.order_id for order in record.orders] or None,
    }


def _post_row(one: Heard) -> dict[str, Any]:
    """The identifiers as our own reader finds them; the name as two words."""
    author = one.post.author
    words = name_words(author.name or "") if author else ()
    facts = dict(sorted(quoted_identifiers(find_entities([one.post.text], SHOP)[0])))
    return {
        "unique_id": f"{one.post.network}-{one.post.id}",
        "first_name": " ".join(words[:-1]) or None,
        "surname": words[-1] if len(words) > 1 else None,
        "city": author.location if author else None,
        "email": facts.get("email"),
        "phone": facts.get("phone"),
        "orders": [facts["order"]] if "order" in facts else None,
    }


def _quality(best: dict[str, tuple[str, float]], heard: Sequence[Heard]) -> dict[str, float]:
    """What it would link at p >= .99 without grades or gates."""
    by_key = {f"{one.post.network}-{one.post.id}": one.truth for one in heard if one.truth.told_apart}
    links = [(by_key[key], found[0]) for key, found in best.items() if found[1] >= CERTAIN and key in by_key]
    wrong = sum(customer not in truth.customers for truth, customer in links)
    own = sum(bool(truth.customers) for truth in by_key.values())
    return {
        "links": len(links),
        "wrong": wrong,
        "precision_at_least": lower_bound(wrong, len(links)),
        "recall": (len(links) - wrong) / own if own else 0.0,
    }


def _lines(told: dict[str, Any], imported: Imported, times: Times) -> Iterator[str]:
    sizes = told["bytes"]
    yield f"\n{imported.customers:,} customers, {imported.orders:,} orders"
    yield f"  import {told['import_customers_a_second']:>28,.0f} customers/s with their orders"
    yield f"  database {sizes['all'] / MB:>26,.0f} MB, of them keys {sizes['keys'] / MB:,.0f} MB"
    yield f"  one post p50 {times.p50:.2f} ms, p95 {times.p95:.2f} ms, p99 {times.p99:.2f} ms (aims 1 and 10)"
    yield f"  matched alone {times.matched_a_second:>21,.0f} posts/s on one core (aim 1,000)"
    yield f"  with storing and finding identifiers {times.whole_a_second:,.0f} posts/s"
    yield f"  memory {times.mb_before:,.0f} MB before the first match, {times.mb_most:,.0f} MB at most (aim 300)"
    yield f"  a change is seen after {told['change_visible_ms']:.1f} ms (p95)"
    yield f"  an erasure is seen after {told['erasure_visible_ms']:.1f} ms (p95)"
    yield from _splink_lines(told["splink"])


def _splink_lines(told: dict[str, Any] | str) -> Iterator[str]:
    if isinstance(told, str):
        yield f"  Splink 5 on DuckDB: {told}"
        return
    yield f"  Splink 5 on DuckDB: {told['seconds_to_prepare']:.1f} s to prepare, {told['mb']:,.0f} MB at most"
    for size, spent in told["seconds_of_batch"].items():
        yield f"    a batch of {size:>5} posts {spent:>8.2f} s, {int(size) / spent:,.0f} posts/s"
    yield (
        f"    at p >= {CERTAIN}: {told['links']:,} links, {told['wrong']} wrong (precision at least "
        f"{told['precision_at_least']:.3f}), recall {told['recall']:.3f}"
    )
