"""What a ledger's store holds: totals, rows, and exports of them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import msgspec

from requesty_core.errors import ConfigurationError

from .entries import LedgerEntry
from .store.reading import By, Filters, Moment, rows, totals
from .store.rows import LedgerRow

if TYPE_CHECKING:
    from typing import TypedDict

    import pandas

    from .store.store import Store

    class Given(TypedDict, total=False):
        """Which attempts are meant, by the names of :class:`Filters`."""

        since: Moment | None
        until: Moment | None
        model: str | None
        tag: str | None
        user: str | None
        framework: str | None
        key: str | None
        trace: str | None


__all__ = ["LedgerHistory"]

FIELDS = ("time", "day", *(name for name in LedgerRow.__struct_fields__ if name != "at"))
"""Names of a row in exports, in order."""


class LedgerHistory:
    """Everything that stands in a ledger's store, whichever process wrote it.

    All methods take the same conditions: ``since`` and ``until`` (a date, a datetime or ISO text, UTC; ``until`` is the
    first moment after), ``model``, ``tag``, ``user``, ``framework``, ``key`` and ``trace``. What this process has not
    written yet is written first. They raise :class:`ConfigurationError` for a condition that is none, and where the
    store cannot be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def totals(self, by: By | None = None, **conditions: Unpack[Given]) -> dict[str | None, LedgerEntry]:
        """Totals by ``model``, ``tag``, ``user``, ``day``, ``framework``, ``key`` or ``trace``.

        What has no value for it is under ``None``; an attempt with several tags counts under each of them.
        """
        filters = _filters(conditions)

        def ask(database: Any) -> dict[str | None, LedgerEntry]:
            with database.reading() as connection:
                return totals(connection, by, filters)

        return self._store.read(ask)

    def total(self, **conditions: Unpack[Given]) -> LedgerEntry:
        """The total of all attempts meant."""
        return self.totals(None, **conditions).get(None, LedgerEntry())

    def rows(self, **conditions: Unpack[Given]) -> list[LedgerRow]:
        """Every attempt meant, the oldest first; refused and unsent ones too, which are not ``counted``."""
        filters = _filters(conditions)

        def ask(database: Any) -> list[LedgerRow]:
            with database.reading() as connection:
                return list(rows(connection, filters))

        return self._store.read(ask)

    def to_json(self, path: str | os.PathLike[str] | None = None, **conditions: Unpack[Given]) -> str:
        """The rows as a JSON list, also into a file if ``path`` is given. Amounts are decimal strings, times ISO."""
        text = msgspec.json.format(msgspec.json.encode(list(self._records(conditions))), indent=2).decode() + "\n"
        return _into(path, text)

    def to_csv(self, path: str | os.PathLike[str] | None = None, **conditions: Unpack[Given]) -> str:
        """The rows as CSV with a head, also into a file if ``path`` is given. Unknown is empty, ``;`` joins tags."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, FIELDS, lineterminator="\n")
        writer.writeheader()
        for record in self._records(conditions):
            writer.writerow({**record, "tags": ";".join(record["tags"])})
        return _into(path, buffer.getvalue())

    def to_pandas(self, **conditions: Unpack[Given]) -> pandas.DataFrame:
        """The rows as a DataFrame: ``time`` with zone, ``cost`` and ``estimate`` as floats, NaN where unknown.

        Raises :class:`ConfigurationError` if pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise ConfigurationError("to_pandas: pandas is not installed; run: pip install pandas") from None
        records = [
            {**record, "cost": _float(record["cost"]), "estimate": _float(record["estimate"])}
            for record in self._records(conditions)
        ]
        frame = pandas.DataFrame.from_records(records, columns=list(FIELDS))
        for name in ("cost", "estimate", "time_to_first_token"):
            frame[name] = frame[name].astype("float64")
        frame["time"] = pandas.to_datetime(frame["time"], utc=True, format="ISO8601")
        return frame

    def _records(self, conditions: Given) -> Iterator[dict[str, Any]]:
        for row in self.rows(**conditions):
            record = msgspec.structs.asdict(row)
            amounts = {name: None if record[name] is None else f"{record[name]:f}" for name in ("cost", "estimate")}
            record |= {"time": row.time.isoformat(), "day": row.day, **amounts}
            yield {name: record[name] for name in FIELDS}


def _filters(conditions: Given) -> Filters:
    unknown = sorted(set(conditions) - set(Filters.__dataclass_fields__))
    if unknown:
        known = ", ".join(Filters.__dataclass_fields__)
        raise ConfigurationError(f"{unknown[0]}: no such condition; use {known}")
    filters = Filters(**conditions)
    filters.where()
    return filters


def _float(text: str | None) -> float | None:
    return None if text is None else float(Decimal(text))


def _into(path: str | os.PathLike[str] | None, text: str) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8", newline="")
    return text
