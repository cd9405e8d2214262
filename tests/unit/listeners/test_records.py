"""Rows of a Parquet file, of which one cannot be read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from domain.post import Rejected
from listeners.records import Row, read_rows

FAR_AHEAD = 10**13  # seconds: a year that no calendar has


def test_one_value_that_cannot_be_read_costs_its_own_row(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    times = pa.array([FAR_AHEAD if number == 300 else number for number in range(600)], pa.timestamp("s", "UTC"))
    pq.write_table(pa.table({"id": pa.array(map(str, range(600))), "created_at": times}), path)
    rows = list(read_rows(path))
    assert [row.line for row in rows] == list(range(1, 601))
    assert [row.line for row in rows if isinstance(row, Rejected)] == [301]


def test_a_refused_row_is_told_as_json(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"id": [1], "tags": [["a", "é"]], "data": [b"\xff"]}), path)
    (row,) = read_rows(path)
    assert isinstance(row, Row)
    assert row.rejected("why").raw == '{"id": 1, "tags": ["a", "\\u00e9"], "data": "b\'\\\\xff\'"}'
