"""How long things live, and what ends them.

* **Process**: synchronous connections, health, refusals, catalogues, ledgers and budgets. Threads share them, each
  behind a lock of its own, and they are bounded. Idle connections are probed before they are used, so a process that
  was frozen goes on with fresh ones.
* **Loop**: asynchronous connections. They are kept on the event loop and nowhere else, and never refer back to it; they
  end with it (:mod:`requesty_core.network.loops`).
* **Thread**: nothing. Threads of our own that work for a call run in a copy of the caller's context, so that key
  callables, hooks and spans see what the caller set; those that serve the whole process run in an empty one, so that
  they keep nobody's alive.
* **Fork**: a child begins with the parent's figures, fresh locks, no connections, and nothing under way; what is under
  way is the parent's. Everything that holds a lock or a connection is registered here, and nowhere else.
* **Call**: an exchange and its stream. It ends with its answer, when it is closed, from whichever thread or task, or
  when nothing refers to it any more; in each case the connection is freed and the cost is booked.
"""

from __future__ import annotations

import contextvars
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

__all__ = ["Forked", "after_fork", "made_thread", "renewed_after_fork", "start_thread"]


class Forked(Protocol):
    """Something with a lock, a connection or a count of what is under way."""

    def _after_fork(self) -> None:
        """In a forked child, where no other thread runs yet: fresh locks, nothing under way."""


_F = TypeVar("_F", bound=Callable[[], None])

_functions: list[Callable[[], None]] = []
_owners: weakref.WeakSet[Any] = weakref.WeakSet()


def after_fork(renew: _F) -> _F:
    """Call this function of a module in every forked child; a decorator."""
    _functions.append(renew)
    return renew


def renewed_after_fork(owner: Forked) -> None:
    """Call ``owner._after_fork()`` in every forked child, as long as the object lives."""
    _owners.add(owner)


def _renew() -> None:
    for function in _functions:
        function()
    for owner in tuple(_owners):
        owner._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def made_thread(target: Callable[..., object], *args: object, name: str, serves_all: bool = False) -> threading.Thread:
    """A daemon thread that will run ``target(*args)`` in a copy of this context, or in an empty one."""
    context = contextvars.Context() if serves_all else contextvars.copy_context()
    return threading.Thread(target=context.run, args=(target, *args), name=name, daemon=True)


def start_thread(target: Callable[..., object], *args: object, name: str, serves_all: bool = False) -> threading.Thread:
    """The same, started."""
    thread = made_thread(target, *args, name=name, serves_all=serves_all)
    thread.start()
    return thread
