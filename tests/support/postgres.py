"""A real PostgreSQL on the loopback, in a folder that is removed with it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["NoPostgresError", "postgres"]

USER = "ledger"


class NoPostgresError(Exception):
    """There is no PostgreSQL here, and why."""


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        found = str(places[0]) if places else None
    if found is None:
        raise NoPostgresError(f"{name} is neither on PATH nor in /usr/lib/postgresql")
    return found


def _someone() -> dict[str, Any]:
    """Arguments of a process that PostgreSQL agrees to run as: it refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise NoPostgresError("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody'")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database. Raises :class:`NoPostgresError` where none can be started."""
    initdb, server, someone = _binary("initdb"), _binary("postgres"), _someone()
    folder = Path(tempfile.mkdtemp(prefix="requesty-postgres-"))
    try:
        if someone:
            os.chown(folder, someone["user"], someone["group"])
        data = folder / "data"
        environment = {**os.environ, "HOME": str(folder), "LC_ALL": "C"}
        made = subprocess.run(
            [initdb, "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            **someone,
        )
        if made.returncode:
            raise NoPostgresError(f"initdb: {made.stderr.strip().splitlines()[-1]}")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off")
        words = [server, "-D", str(data), *(word for one in settings for word in ("-c", one))]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=folder, **someone)
        try:
            _wait(port, process, folder / "log")
            yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        finally:
            # The fast way: it does not wait for clients to leave.
            process.send_signal(signal.SIGINT)
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    until = time.monotonic() + 30
    while True:
        if process.poll() is not None:
            raise NoPostgresError(f"postgres ended: {log.read_text(errors='replace').strip()[-300:]}")
        try:
            psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
