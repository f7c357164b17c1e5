"""A conversation and its file: the turns as they are sent, the model, and never a key."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from requesty_core.settings.blotter import blotted

from .output import check_writable
from .problems import StepFailedError, UsageProblemError

__all__ = ["Conversation", "resumed", "savable", "save"]

VERSION = 1


@dataclass
class Conversation:
    """The turns so far, in the wire's form. A turn that failed is not among them."""

    model: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    def asked(self, content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is sent to ask one more question; the conversation itself stays as it is."""
        return [*self.messages, {"role": "user", "content": content}]

    def answered(self, content: str | list[dict[str, Any]], answer: str) -> None:
        """Keep a question and its answer."""
        self.messages = [*self.asked(content), {"role": "assistant", "content": answer}]


def resumed(path: Path) -> Conversation:
    """The conversation of a file that ``--save`` wrote. Raises ``UsageProblemError`` that names what is wrong."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageProblemError(f"--resume: {path}: {error.strerror or 'cannot be read'}") from None
    except (ValueError, RecursionError):
        raise UsageProblemError(f"--resume: {path}: not JSON; give a file that --save wrote") from None
    messages = saved.get("messages") if isinstance(saved, dict) else None
    if not isinstance(messages, list) or not all(map(_is_message, messages)):
        raise UsageProblemError(f"--resume: {path}: holds no list of messages; give a file that --save wrote")
    model = saved.get("model")
    if not isinstance(model, str) or not model.strip():
        raise UsageProblemError(f"--resume: {path}: names no model; give a file that --save wrote")
    return Conversation(model, messages)


def _is_message(message: object) -> bool:
    return (
        isinstance(message, dict)
        and message.get("role") in ("system", "user", "assistant")
        and isinstance(message.get("content"), (str, list))
    )


def savable(path: Path, resume: Path | None) -> None:
    """Raise ``UsageProblemError`` unless the file is new, or the one that is resumed."""
    if not path.absolute().parent.is_dir():
        raise UsageProblemError(f"--save: {path}: there is no such folder; make it first")
    if path.exists() and (resume is None or not resume.exists() or not path.samefile(resume)):
        raise UsageProblemError(f"--save: {path}: exists; resume it too, with --resume, or give another name")
    check_writable(path, "--save")


def save(conversation: Conversation, path: Path, redact: Callable[[str], str]) -> None:
    """Write the file whole or not at all, readable by its owner only. Raises ``StepFailedError``.

    ``redact`` takes keys out of texts, where a question or an answer held one.
    """
    content = {"version": VERSION, "model": conversation.model, "messages": conversation.messages}
    text = json.dumps(blotted(content, redact), indent=2, ensure_ascii=True) + "\n"
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise StepFailedError(f"--save: {path}: {error.strerror or 'cannot be written'}; nothing was saved") from None
