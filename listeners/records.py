"""The rows of a file, one by one in bounded memory: JSON Lines, CSV and Parquet, each also gzipped.

What is wrong with a row is told in its place and the rows after it go on; a file that is no such file
at all is refused by `BadInput` before its first row.
"""

import csv
import gzip
import io
import json
import tempfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

from domain.errors import BadInput
from domain.post import Rejected
from listeners.values import BadRow

FORMATS = ("jsonl", "csv", "parquet")
LINE_LIMIT = 32 * 1024 * 1024
RAW_LIMIT = 10_000
NETWORK = "file"

_SAMPLE = 1024 * 1024
_CHUNK = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class Row:
    """A row and where it stood. `raw` is what the file said, for the rejected rows; None where it is no text."""

    line: int
    values: Mapping[str, Any]
    raw: str | None = None

    def rejected(self, reason: str) -> Rejected:
        """This row, kept with the reason why it did not go in."""
        raw = json.dumps(self.values, default=str) if self.raw is None else self.raw
        return Rejected(NETWORK, reason, raw[:RAW_LIMIT], self.line)


@dataclass(frozen=True, slots=True)
class _Line:
    """A physical line; `problem` says why it cannot be used as it is."""

    number: int
    data: bytes
    problem: str | None = None

    def rejected(self, problem: str | None = None) -> Rejected:
        return Rejected(NETWORK, problem or self.problem or "", _printable(self.data), self.number)


class _NotJson(BadRow):
    """A line that is not JSON at all."""


def read_rows(path: Path, required: Collection[str] = ()) -> Iterator[Row | Rejected]:
    """The rows of a file in their order; `required` are columns that a table must have
    (`a or b`: one of them).

    Lines are counted from 1, the header of a CSV being the first; rows of a Parquet file likewise from 1.
    Raises `BadInput` before the first row where the file is missing, unreadable, or not what its name says.
    """
    kind, packed = file_format(path)
    _must_be_file(path)
    try:
        if kind == "jsonl":
            yield from _json_rows(path, packed)
        elif kind == "csv":
            yield from _csv_rows(path, packed, required)
        else:
            yield from _parquet_rows(path, packed, required)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error


def file_format(path: Path) -> tuple[str, bool]:
    """`jsonl`, `csv` or `parquet`, and whether it is gzipped; by the name. Raises `BadInput`."""
    name = path.name.lower()
    packed = name.endswith(".gz")
    kind = name.removesuffix(".gz").rpartition(".")[2]
    if kind not in FORMATS:
        raise BadInput(f"{path}: not a format that is read here; use .jsonl, .csv or .parquet, each also .gz")
    return kind, packed


def about_rows(path: Path) -> int | None:
    """How many rows a file has, about, for a progress bar; None where only reading it would tell."""
    kind, packed = file_format(path)
    _must_be_file(path)
    if packed or kind == "parquet":
        return None
    with path.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_SAMPLE), b""))


def _must_be_file(path: Path) -> None:
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; name a file")
    if not path.exists():
        raise BadInput(f"{path}: no such file")


def _open(path: Path, packed: bool) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if packed else path.open("rb")


# --- lines ---------------------------------------------------------------------------------------


def _lines(stream: io.BufferedIOBase) -> Iterator[_Line]:
    """Physical lines without a byte order mark, none longer than `LINE_LIMIT`."""
    number = 0
    while True:
        number += 1
        try:
            data = stream.readline(LINE_LIMIT)
            whole = len(data) < LINE_LIMIT or data.endswith(b"\n") or _skip_line(stream)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield _Line(number, b"", f"the file is damaged or cut off from here on: {error}")
            return
        if not data:
            return
        data = data.removeprefix(_BOM) if number == 1 else data
        yield _Line(number, data, None if whole else f"longer than {LINE_LIMIT // 2**20} MB; left out")


def _skip_line(stream: io.BufferedIOBase) -> bool:
    """Leave out the rest of an endless line. Whether there was none, so that the line is whole."""
    rest = stream.readline(_CHUNK)
    whole = not rest.strip(b"\r\n")
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(_CHUNK)
    return whole


def _head(path: Path, packed: bool) -> bytes:
    """The start of the file. Raises `BadInput` where a gzipped file gives nothing at all."""
    head = b""
    with _open(path, packed) as stream:
        try:
            while len(head) < _SAMPLE and (chunk := stream.read1(_CHUNK)):
                head += chunk
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if not head:
                raise BadInput(f"{path}: is no whole gzip file ({error}); make it again") from error
    if packed and not head and path.stat().st_size == 0:
        raise BadInput(f"{path}: is empty, which no gzip file is; make it again")
    return head


def _printable(data: bytes) -> str:
    """Bytes as text, undecodable ones as escapes."""
    return data[:RAW_LIMIT].decode("utf-8", "backslashreplace").rstrip("\r\n")[:RAW_LIMIT]


# --- JSON Lines ----------------------------------------------------------------------------------


def _json_rows(path: Path, packed: bool) -> Iterator[Row | Rejected]:
    _must_hold_json(path, packed)
    with _open(path, packed) as stream:
        for line in _lines(stream):
            if line.problem is not None:
                yield line.rejected()
            elif line.data.strip():
                yield _json_row(line)


def _json_row(line: _Line) -> Row | Rejected:
    try:
        return Row(line.number, _json_object(line.data), _printable(line.data))
    except BadRow as error:
        return line.rejected(str(error))


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _NotJson(f"not UTF-8 (byte {error.start + 1} of the line)") from None
    except json.JSONDecodeError as error:
        raise _NotJson(f"not JSON: {error.msg} (character {error.pos + 1} of the line)") from None
    except RecursionError:
        raise BadRow("nested too deeply") from None
    except BadRow:
        raise
    except ValueError as error:
        raise BadRow(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _NotJson("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in result if keys.count(key) > 1)
        raise BadRow(f"the key {twice[:80]!r} stands twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise BadRow(f"{name} is not JSON")


def _must_hold_json(path: Path, packed: bool) -> None:
    """Refuse a file in which not one line is a JSON object. Usually reads one line."""
    _head(path, packed)
    reason = None
    with _open(path, packed) as stream:
        for line in _lines(stream):
            if line.data.strip() or line.problem:
                reason = _why_not_json(line)
                if reason is None:
                    return
    if reason is not None:
        raise BadInput(f"{path}: no line is a JSON object ({reason}); write one JSON object a line, in UTF-8")


def _why_not_json(line: _Line) -> str | None:
    if not line.data:
        return line.problem
    try:
        _json_object(line.data)
    except _NotJson as error:
        return None if line.problem else f"line {line.number}: {error}"
    except BadRow:
        return None
    return None


# --- CSV -----------------------------------------------------------------------------------------


class _BadLine(Exception):
    """A physical line that cannot be part of a record."""


class _Unclosed(Exception):
    """A record that grew beyond `LINE_LIMIT`."""


class _CsvLines:
    """The lines that csv.reader asks for, remembering where the record began and what it said."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._lines = _lines(stream)
        self.number = 0
        self.start_record()

    def start_record(self) -> None:
        self.first = self.number + 1
        self.size = 0
        self._raw: list[bytes] = []

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number = line.number
        if self.size < RAW_LIMIT:
            self._raw.append(line.data[:RAW_LIMIT])
        self.size += len(line.data)
        if line.problem is not None:
            raise _BadLine(line.problem)
        if self.size > LINE_LIMIT:
            raise _Unclosed
        return line.data.decode("utf-8", "surrogateescape")

    @property
    def raw(self) -> str:
        return _printable(b"".join(self._raw))

    def rejected(self, reason: str) -> Rejected:
        return Rejected(NETWORK, reason, self.raw, self.first)


def _csv_rows(path: Path, packed: bool, required: Collection[str]) -> Iterator[Row | Rejected]:
    head = _head(path, packed)
    _must_be_utf8(path, head)
    with _open(path, packed) as stream:
        _allow_wide_fields()
        lines = _CsvLines(stream)
        reader = csv.reader(lines, delimiter=_delimiter(head), strict=True)
        header = _header(path, reader)
        _must_have(path, header, required)
        yield from _csv_records(lines, reader, header)


def _csv_records(lines: _CsvLines, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row | Rejected]:
    while True:
        lines.start_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_BadLine, csv.Error, _Unclosed) as error:
            yield lines.rejected(_csv_reason(error))
            if isinstance(error, _Unclosed):
                return
            continue
        if cells:
            yield _csv_row(lines, header, cells)


def _csv_row(lines: _CsvLines, header: list[str], cells: list[str]) -> Row | Rejected:
    if len(cells) != len(header):
        return lines.rejected(f"has {len(cells)} cells where the header has {len(header)}")
    row = Row(lines.first, dict(zip(header, cells, strict=True)), lines.raw)
    for name, cell in row.values.items():
        if not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell):
            return row.rejected(f"{name} is not UTF-8")
    return row


def _csv_reason(error: Exception) -> str:
    if isinstance(error, _Unclosed) or "unexpected end of data" in str(error):
        return "a quote that opens here is never closed; nothing after it was read"
    if isinstance(error, csv.Error):
        return f"broken quoting: {error}"
    return str(error)


def _allow_wide_fields() -> None:
    """Let a cell be as long as a line; lengths are checked per value, with the row's number."""
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))


def _must_be_utf8(path: Path, head: bytes) -> None:
    """Refuse a file that is in another encoding throughout; a few such lines are rejected one by one."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{path}: is UTF-16; save it as UTF-8")
    lines = head.split(b"\n")
    if len(head) >= _SAMPLE:
        lines = lines[:-1]  # cut off, perhaps within a character
    accented = [line for line in lines if not line.isascii()]
    wrong = [line for line in accented if not _is_utf8(line)]
    if (wrong and wrong[0] is lines[0]) or (len(wrong) > 1 and wrong == accented and 5 * len(wrong) >= len(lines)):
        raise BadInput(f"{path}: is not UTF-8 (perhaps Latin-1 or Windows-1252); save it as UTF-8")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(head: bytes) -> str:
    """Comma or semicolon, whichever parts the header into more columns."""
    header = head.removeprefix(_BOM).split(b"\n", 1)[0].decode("utf-8", "replace")
    return max(",;", key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), [])))


def _header(path: Path, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip() for name in next(reader)]
    except StopIteration:
        raise BadInput(f"{path}: is empty; a CSV begins with a line that names the columns") from None
    except (_BadLine, csv.Error, _Unclosed) as error:
        raise BadInput(f"{path}: the header line cannot be read: {_csv_reason(error)}") from None
    return [name or f"column_{number}" for number, name in enumerate(header, 1)]


def _must_have(path: Path, header: list[str], required: Collection[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadInput(f"{path}: the column {twice[0]!r} stands twice; rename one")
    missing = [name for name in required if not any(option in header for option in name.split(" or "))]
    if missing:
        raise BadInput(
            f"{path}: has no column {missing[0]}; needed are {', '.join(required)};"
            f" it has {', '.join(header[:20])[:300]}"
        )


# --- Parquet -------------------------------------------------------------------------------------


def _parquet_rows(path: Path, packed: bool, required: Collection[str]) -> Iterator[Row | Rejected]:
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    with _seekable(path, packed) as stream:
        try:
            file = parquet.ParquetFile(stream)
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise BadInput(f"{path}: is no Parquet file: {_first_line(error)}") from error
        _must_have(path, list(file.schema_arrow.names), required)
        yield from _parquet_records(arrow, file)


def _parquet_records(arrow: Any, file: Any) -> Iterator[Row | Rejected]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield from _parquet_batch(batch, number)
            number += batch.num_rows
    except (arrow.ArrowException, OSError, ValueError) as error:
        yield Rejected(NETWORK, f"the file is damaged from here on: {_first_line(error)}", "", number + 1)


def _parquet_batch(batch: Any, before: int) -> Iterator[Row | Rejected]:
    """The rows of a batch, of which so many come before; one by one where a value of them cannot be read."""
    names = batch.schema.names
    try:
        columns = [column.to_pylist() for column in batch.columns]
    except (ValueError, OverflowError):
        yield from (_parquet_row(batch, index, before + index + 1) for index in range(batch.num_rows))
        return
    for number, cells in enumerate(zip(*columns, strict=True), before + 1):
        yield Row(number, dict(zip(names, cells, strict=True)))


def _parquet_row(batch: Any, index: int, number: int) -> Row | Rejected:
    try:
        values = {name: column[index].as_py() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    except (ValueError, OverflowError) as error:
        return Rejected(NETWORK, f"cannot be read: {_first_line(error)}", "", number)
    return Row(number, values)


@contextmanager
def _seekable(path: Path, packed: bool) -> Iterator[IO[bytes]]:
    """The file as Parquet needs it; a gzipped one is unpacked beside, since it is read from its end."""
    if not packed:
        with path.open("rb") as stream:
            yield stream
        return
    _head(path, packed)
    with tempfile.TemporaryFile() as unpacked, gzip.open(path, "rb") as stream:
        try:
            while chunk := stream.read(LINE_LIMIT):
                unpacked.write(chunk)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(f"{path}: is no whole gzip file ({error}); make it again") from error
        unpacked.seek(0)
        yield unpacked


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
