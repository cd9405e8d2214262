"""Files of every kind, whole and broken."""

import csv
import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import BadInput
from domain.post import Delete, Rejected, Upsert
from listeners import records
from listeners.base import Budget
from listeners.files import (
    FileListener,
    ItemReader,
    Read,
    read_customers,
    read_interactions,
    read_orders,
    read_posts,
    write_rejected,
)

HEADER = "network,id,text,created_at,author.id,author.handle"


def row(id_: str = "1", **changes: Any) -> dict[str, Any]:
    return {"network": "x", "id": id_, "text": f"post {id_}", "created_at": "2026-11-02T10:00:00Z", **changes}


def jsonl(*rows: Any) -> bytes:
    return "".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in rows).encode()


def split(reader: ItemReader[Any]) -> tuple[list[Any], list[Rejected]]:
    items = list(reader)
    return [item.value for item in items if isinstance(item, Read)], [i for i in items if isinstance(i, Rejected)]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def ids(events: Iterable[Any]) -> list[str]:
    return [event.post.id if isinstance(event, Upsert) else event.id for event in events]


@pytest.fixture(params=["posts.jsonl", "posts.csv", "posts.parquet"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def content(name: str, rows: list[dict[str, Any]], folder: Path) -> bytes:
    if name.endswith("jsonl"):
        return jsonl(*rows)
    path = folder / "made"
    if name.endswith("csv"):
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path.read_bytes()


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_every_format_says_the_same(name: str, packed: str, tmp_path: Path) -> None:
    rows = [row("1", text='Bonjour; "l\'été",\nligne 2 😀', likes=3), row("2", likes=4), row("3", text="", likes=0)]
    path = write(tmp_path / f"{name}{packed}", content(name, rows, tmp_path))
    events, rejected = split(read_posts(path))
    assert [(event.post.text, event.post.likes) for event in events] == [
        ('Bonjour; "l\'été",\nligne 2 😀', 3),
        ("post 2", 4),
    ]
    assert [item.reason for item in rejected] == ["text is empty; only a deleted post may have none"]


def test_a_csv_with_semicolons_a_mark_and_windows_lines(tmp_path: Path) -> None:
    data = '\ufeffnetwork;id;text;created_at;tone\r\nx;1;"a;b, ""c""\r\nd";2026-11-02T10:00:00Z;calm\r\n\r\n'
    reader = read_posts(write(tmp_path / "posts.csv", data.encode()))
    [event], rejected = split(reader)
    assert event.post.text == 'a;b, "c"\r\nd'
    assert event.post.attributes == {"tone": "calm"}
    assert reader.unknown_columns == ("tone",)
    assert not rejected


def test_a_marked_jsonl(tmp_path: Path) -> None:
    events, rejected = split(read_posts(write(tmp_path / "posts.jsonl", b"\xef\xbb\xbf" + jsonl(row("1"), row("2")))))
    assert ids(events) == ["1", "2"]
    assert not rejected


def test_bad_json_lines_are_rejected_one_by_one(tmp_path: Path) -> None:
    bad = [
        '{"id": "1", ',
        "[1, 2]",
        '{"id": "1", "id": "2"}',
        '{"id": NaN}',
        '{"a": ' * 2000 + "1" + "}" * 2000,
        '{"id": 1' + "0" * 5000 + "}",
        json.dumps(row(text="\ud800")),
        json.dumps(row(text="a\x00")),
        json.dumps(row(text="x" * 10_000_000)),
    ]
    data = jsonl(row("first"), *bad) + b'{"id": "\xff"}\n' + jsonl(row("last")) + b'{"network": "x", "id": "cut'
    events, rejected = split(read_posts(write(tmp_path / "posts.jsonl", data)))
    assert ids(events) == ["first", "last"]
    assert [item.line for item in rejected] == [*range(2, 12), 13]
    said = [item.reason for item in rejected]
    assert said[0].startswith("not JSON")
    assert said[1] == "not a JSON object"
    assert said[2] == "the key 'id' stands twice"
    assert said[3] == "NaN is not JSON"
    assert "nested too deeply" in said[4]
    assert "not JSON" in said[5]
    assert "lone surrogate" in said[6]
    assert "NUL" in said[7]
    assert "10,000,000 characters" in said[8]
    assert said[9].startswith("not UTF-8")
    assert all(len(item.raw) <= 10_000 for item in rejected)


def test_an_endless_line_is_left_out_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LINE_LIMIT", 1000)
    long = json.dumps(row("2", text="x" * 300_000))
    exact = json.dumps(row("3", text=""))
    exact = json.dumps(row("3", text="y" * (1000 - len(exact))))
    path = write(tmp_path / "posts.jsonl", jsonl(row("1"), long, exact))
    events, rejected = split(read_posts(path))
    assert ids(events) == ["1", "3"]
    assert [(item.line, "longer than" in item.reason) for item in rejected] == [(2, True)]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("posts.jsonl", b"hello\nworld\n", "no line is a JSON object (line 2: not JSON"),
        ("posts.jsonl", b'[{"id": "1"}]\n', "no line is a JSON object"),
        ("posts.jsonl", "é".encode("utf-16") * 50, "no line is a JSON object"),
        ("posts.jsonl", b'{"network": "x", "id', "no line is a JSON object"),
        ("posts.csv", b"", "is empty"),
        ("posts.csv", b"a,b\n1,2\n", "has no column network; needed are network, id, text, created_at; it has a, b"),
        ("posts.csv", f"{HEADER},id\n".encode(), "the column 'id' stands twice"),
        ("posts.csv", b'"network,id\n', "the header line cannot be read"),
        ("posts.csv", f"{HEADER}\nx,1,é,t,,\nx,2,à,t,,\n".encode("latin-1"), "is not UTF-8"),
        ("posts.csv", f"{HEADER}\n".encode("utf-16"), "is UTF-16"),
        ("posts.parquet", b"PAR1 no", "is no Parquet file"),
        ("posts.parquet", b"", "is no Parquet file"),
        ("posts.xlsx", b"", "use .jsonl, .csv or .parquet"),
        ("posts.gz", b"", "use .jsonl, .csv or .parquet"),
    ],
)
def test_what_is_no_such_file_is_refused_whole(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_posts(write(tmp_path / name, data))
    assert says in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["posts.jsonl.gz", "posts.csv.gz", "posts.parquet.gz"])
@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", gzip.compress(b"x" * 100, mtime=0)[:12], b"plain text"])
def test_a_compressed_file_cut_at_its_start_is_refused(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"gzip|damaged"):
        read_posts(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_posts(tmp_path / "posts.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        read_posts(tmp_path / "folder.csv")


def test_an_empty_jsonl_holds_nothing(tmp_path: Path) -> None:
    assert split(read_posts(write(tmp_path / "posts.jsonl", b"\n\n"))) == ([], [])


def test_a_quote_that_is_never_closed_ends_the_good_rows(tmp_path: Path) -> None:
    lines = [
        HEADER,
        "x,1,one,2026-11-02T10:00:00Z,,",
        'x,2,"two,2026-11-02T10:00:00Z,,',
        "x,3,three,2026-11-02T10:00:00Z,,",
    ]
    events, rejected = split(read_posts(write(tmp_path / "posts.csv", "\n".join(lines).encode())))
    assert ids(events) == ["1"]
    [broken] = rejected
    assert (broken.line, broken.raw.splitlines()[0]) == (3, lines[2])
    assert "never closed" in broken.reason


def test_other_broken_csv_rows_are_rejected_one_by_one(tmp_path: Path) -> None:
    time = "2026-11-02T10:00:00Z"
    lines = [HEADER, f'x,1,"a"b,{time},,', f"x,2,two,{time}", f'x,3,it is 5" wide,{time},,', f"x,4,\x00,{time},,"]
    data = "\n".join(lines).encode() + f"\nx,5,\xe9,{time},,\nx,6,six,{time},,\n".encode("latin-1")
    events, rejected = split(read_posts(write(tmp_path / "posts.csv", data)))
    assert ids(events) == ["3", "6"]
    assert [(item.line, item.reason.split(":")[0]) for item in rejected] == [
        (2, "broken quoting"),
        (3, "has 4 cells where the header has 6"),
        (5, "text holds a NUL character"),
        (6, "text is not UTF-8"),
    ]
    assert "\\xe9" in rejected[-1].raw


def test_a_huge_cell_is_one_rejected_row(tmp_path: Path) -> None:
    time = "2026-11-02T10:00:00Z"
    data = f'{HEADER}\nx,1,"{"long " * 2_000_000}",{time},,\nx,2,two,{time},,\n'.encode()
    events, rejected = split(read_posts(write(tmp_path / "posts.csv", data)))
    assert ids(events) == ["2"]
    assert "10,000,000 characters" in rejected[0].reason


def test_parquet_keeps_types(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 2, 10, tzinfo=UTC)
    rows = [
        {
            "network": "x",
            "id": 12,
            "text": "a",
            "created_at": moment,
            "author": {"id": "1", "handle": "b"},
            "deleted": False,
        }
    ]
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.Table.from_pylist([*rows, {**rows[0], "id": 13, "deleted": True}]), path)
    events, rejected = split(read_posts(path))
    assert not rejected
    assert (events[0].post.id, events[0].post.created_at, events[0].post.author.handle) == ("12", moment, "b")
    assert events[1] == Delete("x", "13", moment)


def test_parquet_times_without_zone_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.Table.from_pylist([row(created_at=datetime(2026, 11, 2))]), path)
    _, [rejected] = split(read_posts(path))
    assert rejected.line == 1
    assert "no time zone" in rejected.reason


def test_the_other_kinds(tmp_path: Path) -> None:
    customers = read_customers(write(tmp_path / "c.csv", b"customer_id,name,emails,shoe\nC1,Ana,A@b.fr;c@d.fr,38\n"))
    assert split(customers)[0][0].emails == ("a@b.fr", "c@d.fr")
    assert customers.unknown_columns == ("shoe",)
    orders = read_orders(write(tmp_path / "o.csv", b"order_id,customer_id,placed_at,gift\nO1,C1,2026-01-01,yes\n"))
    assert split(orders)[0][0].order_id == "O1"
    assert orders.unknown_columns == ("gift",)
    line = {"interaction_id": 1, "customer_id": "C1", "channel": "shop", "direction": "in", "at": "2026-01-01"}
    assert split(read_interactions(write(tmp_path / "i.jsonl", jsonl(line))))[0][0].channel == "shop"
    with pytest.raises(BadInput, match="has no column name or first_name or last_name"):
        read_customers(tmp_path / "o.csv")


def test_rejected_rows_are_kept_beside_the_file_and_go_when_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    rows = [Rejected("file", "why", "raw \ud800 é" + "x" * 20_000, 3)]
    assert write_rejected(path, rows) == 1
    kept = tmp_path / "posts.jsonl.rejected.jsonl"
    entry = json.loads(kept.read_text(encoding="ascii"))
    assert (entry["line"], entry["reason"], len(entry["raw"])) == (3, "why", 10_000)
    assert entry["raw"].startswith("raw \ud800 é")
    assert write_rejected(path, []) == 0
    assert [*tmp_path.iterdir()] == []


def test_an_unchanged_file_gives_no_batch_and_a_changed_one_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.jsonl", jsonl(row("1")))
    listener = FileListener()
    [batch] = listener.pull(str(path), None, Budget())
    cursor = json.loads(json.dumps(batch.cursor_after))
    assert list(listener.pull(str(path), cursor, Budget())) == []
    path.touch()
    assert list(listener.pull(str(path), cursor, Budget())) == []
    write(path, jsonl(row("1"), row("2")))
    [again] = listener.pull(str(path), cursor, Budget())
    assert ids(again.events) == ["1", "2"]


def test_a_folder_is_all_its_files_but_not_their_rejected_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", jsonl(row("1")))
    write(tmp_path / "b.csv.gz", f"{HEADER}\nx,2,two,2026-11-02T10:00:00Z,,\n".encode())
    write(tmp_path / "a.jsonl.rejected.jsonl", jsonl({"line": 1}))
    write(tmp_path / "notes.txt", b"no")
    batches = list(FileListener().pull(str(tmp_path), None, Budget()))
    assert [ids(batch.events) for batch in batches] == [["1"], ["2"]]
    assert set(batches[-1].cursor_after or ()) == {str(tmp_path / "a.jsonl"), str(tmp_path / "b.csv.gz")}
