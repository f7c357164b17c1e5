"""Rows from wherever they are: an iterable, a file, a table. What cannot be read is a row too, with its problem."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from requesty_core.errors import ConfigurationError
from requesty_core.extras import extra_missing
from requesty_core.settings.checks import shown
from requesty_core.wire.json import JSONDecodeError, decode_json

__all__ = ["FORMATS", "Row", "read_file", "read_rows"]

_SLICE = 1000
_GIVE = "give an iterable of rows, the path of a .jsonl, .csv or .parquet file, or a pandas, polars or Arrow table"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read.

    Attributes:
        position: from 0, unreadable rows counted.
        value: the row; ``None`` if it is unreadable.
        line: number of its line in its file, from 1; ``None`` where rows have none.
        problem: why it is unreadable; ``None`` if it is not.
    """

    position: int
    value: Any
    line: int | None = None
    problem: str | None = None


def read_rows(rows: object) -> Iterator[Row]:
    """The rows of a source, read as they are asked for.

    Raises :class:`ConfigurationError` at once for what is no source, and for a file that cannot be opened.
    """
    if isinstance(rows, (str, os.PathLike)):
        return read_file(Path(rows))
    if isinstance(rows, (bytes, Mapping)):
        raise ConfigurationError(f"rows: {shown(rows)} is no table of rows; {_GIVE}")
    if isinstance(rows, AsyncIterable):
        raise ConfigurationError(f"rows: {shown(rows)} is asynchronous; give it to abulk_chat or abulk_embed")
    values = _table(rows)
    if values is None:
        if not isinstance(rows, Iterable):
            raise ConfigurationError(f"rows: {shown(rows)} has no rows; {_GIVE}")
        values = iter(rows)
    return (Row(position, value) for position, value in enumerate(values))


def _table(rows: Any) -> Iterator[Any] | None:
    """The rows of a data frame or a table of another library, by their own methods; ``None`` for anything else."""
    library = type(rows).__module__.partition(".")[0]
    if library == "pandas" and hasattr(rows, "notna") and hasattr(rows, "columns"):
        return _pandas_rows(rows)
    if library == "polars" and hasattr(rows, "iter_rows"):
        return cast("Iterator[Any]", rows.iter_rows(named=True))
    if library == "pyarrow":
        if hasattr(rows, "to_batches"):
            return (row for batch in rows.to_batches(max_chunksize=_SLICE) for row in batch.to_pylist())
        if hasattr(rows, "to_pylist") and hasattr(rows, "schema"):
            return cast("Iterator[Any]", iter(rows.to_pylist()))
    return None


def _pandas_rows(frame: Any) -> Iterator[Any]:
    """A missing value is ``None``, whichever of its kinds it is in pandas."""
    for start in range(0, len(frame), _SLICE):
        part = frame.iloc[start : start + _SLICE]
        yield from part.astype(object).where(part.notna(), None).to_dict("records")


def read_file(path: Path) -> Iterator[Row]:
    """The rows of a file, by its ending; ``.gz`` behind it for a compressed one."""
    name = path.name.lower()
    packed = name.endswith(".gz")
    ending = Path(name.removesuffix(".gz")).suffix
    read = FORMATS.get(ending)
    if read is None or (packed and ending == ".parquet"):
        raise ConfigurationError(
            f"rows: {path.name} has no known ending; give one of {', '.join(FORMATS)}, all but .parquet also with .gz"
        )
    try:
        # Opened now, so that a wrong path is told before anything is sent.
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(f"rows: {path} cannot be read: {error.strerror or error}") from None
    return read(path, packed)


def _jsonl(path: Path, packed: bool) -> Iterator[Row]:
    position = 0
    with gzip.open(path) if packed else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if not text:
                continue
            try:
                yield Row(position, decode_json(text), number)
            except (JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Row(position, None, number, f"is not JSON ({error})")
            position += 1


def _csv(path: Path, packed: bool) -> Iterator[Row]:
    # What is no UTF-8 is carried along as surrogates, so that only its own row is lost.
    with (
        gzip.open(path) if packed else path.open("rb") as packed_file,
        io.TextIOWrapper(packed_file, encoding="utf-8-sig", errors="surrogateescape", newline="") as file,
    ):
        yield from _csv_rows(file, "\t" if ".tsv" in path.name.lower() else ",")


def _csv_rows(file: TextIO, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(file, delimiter=delimiter)
    header: list[str] | None = None
    position = 0
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(position, None, first, f"cannot be read ({error})")
            position += 1
            continue
        if not cells:
            continue
        if header is None:
            header = cells
            if len(set(header)) < len(header):
                twice = next(name for name in header if header.count(name) > 1)
                raise ConfigurationError(f"rows: the column {twice!r} is in the header twice; rename one")
            continue
        problem = _csv_problem(cells, header)
        yield Row(position, None if problem else dict(zip(header, cells, strict=True)), first, problem)
        position += 1


def _csv_problem(cells: list[str], header: list[str]) -> str | None:
    if len(cells) != len(header):
        return f"has {len(cells)} columns, the header has {len(header)}"
    if any("\udc80" <= letter <= "\udcff" for cell in cells if not cell.isascii() for letter in cell):
        return "is not UTF-8"
    return None


def _parquet(path: Path, packed: bool) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as missing:
        raise extra_missing(missing, "bulk") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigurationError(f"rows: {path.name} is no Parquet file ({str(error).splitlines()[0]})") from None
    position = 0
    with file:
        for batch in file.iter_batches(batch_size=_SLICE):
            for value in batch.to_pylist():
                yield Row(position, value)
                position += 1


FORMATS: Mapping[str, Callable[[Path, bool], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}
