"""What an error reporter sends of an error: the local variables of every frame, of it and of all errors behind it."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType

__all__ = ["dump_of", "errors_behind"]


def errors_behind(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and contexts, and the members of groups."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or any(one is other for other in found):
            continue
        found.append(one)
        yield one
        todo += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions


def dump_of(error: BaseException, *, below: str) -> str:
    """Texts of the errors and ``repr`` of each local variable, one a line as ``function: name = value``.

    Frames of the file ``below`` are left out: a test knows its own key.
    """
    lines: list[str] = []
    for one in errors_behind(error):
        lines += [f"{type(one).__name__}: {one} {one!r} {one.args!r} {getattr(one, '__notes__', '')!r} {vars(one)!r}"]
        traceback = one.__traceback__
        while traceback is not None:
            frame: FrameType = traceback.tb_frame
            traceback = traceback.tb_next
            code = frame.f_code
            if code.co_filename == below:
                continue
            for name, value in list(frame.f_locals.items()):
                try:
                    shown = repr(value)
                except Exception as failed:  # noqa: BLE001 -- a reporter goes on too
                    shown = f"<{type(failed).__name__}>"
                lines.append(f"{code.co_filename}:{code.co_qualname}: {name} = {shown}")
    return "\n".join(lines)
