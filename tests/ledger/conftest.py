"""Stores: a file for each test and, with ``REQUESTY_TEST_POSTGRES``, a schema of that server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.environment import clean_environment
from tests.support.gateway import gateway, requesty_gateway, requesty_gateway_server

__all__ = ["clean_environment", "gateway", "requesty_gateway", "requesty_gateway_server"]

SERVER = os.environ.get("REQUESTY_TEST_POSTGRES")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(params=["sqlite", *(["postgresql"] if SERVER else [])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store may be."""
    if request.param == "sqlite":
        yield str(tmp_path / "spend.db")
        return
    import psycopg

    assert SERVER is not None
    schema = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")  # type: ignore[arg-type]
    yield f"{SERVER}?options=-csearch_path%3D{schema}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")  # type: ignore[arg-type]
