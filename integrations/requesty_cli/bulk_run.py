"""``bulk``: reads the options, runs, writes the file of answers whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from requesty_core import Budget, BulkItem, BulkReport, BulkRun, RequestyClient, bulk_chat, bulk_embed
from requesty_core.bulk.table import CHAT_COLUMNS, EMBED_COLUMNS, check_columns, columns_of
from requesty_core.errors import ConfigurationError, RequestyError

from .output import check_writable, note, print_json
from .problems import ExtraMissingError, StepFailedError, UsageProblemError

__all__ = ["Wanted", "run_bulk"]

_TARGETS = (".jsonl", ".csv", ".parquet")
_SHOWN_PROBLEMS = 10
_STDERR = 2
_NAMES = {"rows": "IN", "checkpoint": "OUT", "schema": "--schema", "budget": "--budget", "concurrency": "--concurrency"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was told."""

    source: Path
    target: Path
    model: str
    prompt: str | None = None
    prompt_file: Path | None = None
    system: str | None = None
    schema: Path | None = None
    embed: bool = False
    text: str | None = None
    budget: str | None = None
    concurrency: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    fallbacks: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """``chat`` or ``embed``."""
        return "embed" if self.embed else "chat"


def run_bulk(wanted: Wanted, connect: Callable[[], RequestyClient], *, as_json: bool) -> bool:
    """Run; whether every row was answered. Raises ``UsageProblemError`` before anything is sent."""
    _check(wanted)
    checkpoint = wanted.target.with_name(f"{wanted.target.name}.checkpoint")
    if wanted.target.exists() and not checkpoint.exists():
        raise UsageProblemError(
            f"OUT: {wanted.target} is there already, and was not written by this run; give another name, or remove it"
        )
    # Long texts are usual here, and the limit of the reader is the whole process's, which is this command's.
    csv.field_size_limit(sys.maxsize)
    try:
        run = _started(wanted, connect(), checkpoint)
    except ConfigurationError as error:
        name, colon, rest = error.message.partition(":")
        raise UsageProblemError(f"{_NAMES.get(name, f'--{name}')}{colon}{rest}") from None
    part = wanted.target.with_name(f".{wanted.target.name}.part")
    problems: list[str] = []
    try:
        with run, _stopping(run):
            _write(wanted, part, _noted(run, problems))
        if run.was_stopped:
            raise KeyboardInterrupt
        if run.report.answered or not run.report.rows:
            part.replace(wanted.target)
    except ConfigurationError:
        raise
    except KeyboardInterrupt:
        _tell_kept(run.report, checkpoint)
        raise
    except RequestyError as error:
        _tell_kept(run.report, checkpoint)
        raise StepFailedError(f"the run ended early: {error.message}") from None
    finally:
        part.unlink(missing_ok=True)
    _tell(run.report, wanted.target, problems, as_json=as_json)
    return not run.report.failed and not run.report.unreadable


def _check(wanted: Wanted) -> None:
    if wanted.target.suffix.lower() not in _TARGETS:
        raise UsageProblemError(f"OUT: {wanted.target.name} has no known ending; give one of {', '.join(_TARGETS)}")
    if not wanted.target.parent.is_dir():
        raise UsageProblemError(f"OUT: the folder {wanted.target.parent} does not exist")
    check_writable(wanted.target, "OUT")
    if wanted.prompt is not None and wanted.prompt_file is not None:
        raise UsageProblemError("--prompt-file: given together with --prompt; give only one of them")
    chat_only = {
        "--prompt": wanted.prompt,
        "--prompt-file": wanted.prompt_file,
        "--system": wanted.system,
        "--schema": wanted.schema,
        "--fallback": wanted.fallbacks or None,
        "--temperature": wanted.fields.get("temperature"),
        "--max-tokens": wanted.fields.get("max_tokens"),
    }
    for name, value in chat_only.items():
        if wanted.embed and value is not None:
            raise UsageProblemError(f"{name}: asks something, and --embed does not; leave one of them out")
    if wanted.text is not None and not wanted.embed:
        raise UsageProblemError("--text: belongs to --embed; for a chat, name the column in --prompt")
    if wanted.target.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError as missing:
            raise ExtraMissingError(missing.name or "pyarrow", "bulk") from None


def _started(wanted: Wanted, client: RequestyClient, checkpoint: Path) -> BulkRun:
    budget = None if wanted.budget is None else Budget(wanted.budget)
    _check_header(wanted)
    pace: dict[str, Any] = {} if wanted.concurrency is None else {"concurrency": wanted.concurrency}
    shared: dict[str, Any] = {"client": client, "checkpoint": checkpoint, "budget": budget, **pace}
    if wanted.embed:
        return bulk_embed(wanted.source, model=wanted.model, text=wanted.text, **shared)
    fields = {name: value for name, value in wanted.fields.items() if value is not None}
    if wanted.fallbacks:
        fields["fallbacks"] = wanted.fallbacks
    return bulk_chat(
        wanted.source,
        model=wanted.model,
        prompt=wanted.prompt if wanted.prompt_file is None else _text(wanted.prompt_file, "--prompt-file"),
        system=wanted.system,
        schema=None if wanted.schema is None else _schema(wanted.schema),
        **shared,
        **fields,
    )


def _check_header(wanted: Wanted) -> None:
    """Columns that the answers would take the names of are told before anything is sent."""
    from requesty_core.bulk.rows import read_rows

    first = next((row for row in read_rows(wanted.source) if row.problem is None), None)
    if first is not None and isinstance(first.value, Mapping):
        check_columns(first.value, wanted.kind)


def _text(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageProblemError(f"{option}: {path} cannot be read: {why}") from None


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(_text(path, "--schema"))
    except ValueError as error:
        raise UsageProblemError(f"--schema: {path} is not JSON ({error})") from None
    if not isinstance(schema, dict):
        raise UsageProblemError(f"--schema: {path} holds no JSON schema; write an object")
    return schema


@contextmanager
def _stopping(run: BulkRun) -> Iterator[None]:
    """The first Ctrl-C lets what is under way, and is paid for, come to its end; the second leaves at once."""

    def hear(number: int, frame: FrameType | None) -> None:
        if run.was_stopped:
            raise KeyboardInterrupt
        run.stop()
        # Past Python's buffers, which may be in the middle of something.
        os.write(_STDERR, b"\nStopping: what is under way is kept. Press Ctrl-C again to leave at once.\n")

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _noted(items: Iterable[BulkItem], problems: list[str]) -> Iterator[BulkItem]:
    for item in items:
        if item.error is not None:
            where = f"row {item.position}" if item.line is None else f"line {item.line}"
            # What could not be read names its line itself.
            told = item.error.message.removeprefix(f"rows: {where} ")
            problems.append(f"{where} {told}" if told != item.error.message else f"{where}: {told}")
        yield item


def _write(wanted: Wanted, path: Path, items: Iterable[BulkItem]) -> None:
    rows = (_row(item, wanted) for item in items)
    ending = wanted.target.suffix.lower()
    if ending == ".jsonl":
        with path.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    elif ending == ".csv":
        _write_csv(path, rows, wanted.kind)
    else:
        import pyarrow.parquet

        table = pyarrow.Table.from_pylist(list(rows))
        pyarrow.parquet.write_table(table, path)


def _row(item: BulkItem, wanted: Wanted) -> dict[str, Any]:
    own = dict(item.row) if isinstance(item.row, Mapping) else {} if item.row is None else {"row": item.row}
    parsed = wanted.target.suffix.lower() == ".jsonl"
    return {**own, **columns_of(item, wanted.kind, parsed=parsed)}


def _write_csv(path: Path, rows: Iterator[dict[str, Any]], kind: str) -> None:
    """Columns as those of the first row that could be read; a row's further ones would have no place."""
    held: list[dict[str, Any]] = []
    added = CHAT_COLUMNS if kind == "chat" else EMBED_COLUMNS
    names: list[str] | None = None
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            held.append(row)
            if names is None and len(row) == len(added):
                continue
            names = _put(file, held, names)
        _put(file, held, names)


def _put(file: Any, held: list[dict[str, Any]], names: list[str] | None) -> list[str]:
    is_first = names is None
    names = names or list(held[-1] if held else ())
    writer = csv.DictWriter(file, names)
    if is_first and names:
        writer.writeheader()
    for row in held:
        further = sorted(row.keys() - {*names})
        if further:
            raise UsageProblemError(
                f"OUT: a row has a column {further[0]!r} that the first has not; give a .jsonl file"
            )
        # A vector is JSON here.
        writer.writerow({name: json.dumps(one) if isinstance(one, (list, dict)) else one for name, one in row.items()})
    held.clear()
    return names


def _tell_kept(report: BulkReport, checkpoint: Path) -> None:
    if checkpoint.exists():
        count = report.answered
        note(f"{count} answers are kept in {checkpoint.name}; the same command goes on from there.")


def _tell(report: BulkReport, target: Path, problems: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({**report.as_dict(), "problems": problems})
        return
    for problem in problems[:_SHOWN_PROBLEMS]:
        note(problem)
    if len(problems) > _SHOWN_PROBLEMS:
        note(f"and {len(problems) - _SHOWN_PROBLEMS} more, in the column 'error'.")
    failed = report.failed + report.unreadable
    told = f"{report.answered} answered" + (f" ({report.resumed} before)" if report.resumed else "")
    requests = "1 request" if report.requests == 1 else f"{report.requests} requests"
    note(f"{told}, {failed} failed, {requests}, {report.cost:f} USD.")
    if report.unknown:
        more = f", about {report.estimated:f} USD more" if report.estimated else ""
        note(f"{report.unknown} of unknown cost{more}.")
    note(f"{target} written." if report.answered or not failed else f"{target} not written: nothing was answered.")
