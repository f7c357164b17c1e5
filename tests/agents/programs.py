"""The coding agents: how each is installed, started for one turn, and kept from calling anyone but the emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["PROGRAMS", "PROMPT", "Program"]

PROMPT = "Read notes.txt and tell me how high the light is."


@dataclass(frozen=True, slots=True)
class Program:
    """One agent. ``tool`` and ``arguments`` (of the file to read) are the call that the emulated model makes.

    ``turn`` are the arguments of one headless turn, ``before`` files of the home folder that are there before
    ``configure`` is run, ``quiet`` what turns updates and telemetry off.
    """

    application: str
    package: str
    command: str
    turn: tuple[str, ...]
    tool: str
    arguments: Callable[[Path], Mapping[str, Any]]
    route: str
    quiet: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)


PROGRAMS = (
    Program(
        "claude-code",
        "@anthropic-ai/claude-code",
        "claude",
        ("--print", PROMPT, "--allowedTools", "Read"),
        "Read",
        lambda file: {"file_path": str(file)},
        "/v1/messages",
        quiet={"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1"},
    ),
    Program(
        "codex",
        "@openai/codex",
        "codex",
        ("exec", "--skip-git-repo-check", "--sandbox", "read-only", PROMPT),
        # It has no other way to read a file; the command is the test's own, not the prompt's.
        "exec_command",
        lambda file: {"cmd": f"cat {file.name}"},
        "/v1/responses",
        before={".codex/config.toml": "check_for_update_on_startup = false\n\n[analytics]\nenabled = false\n"},
    ),
    Program(
        "qwen-code",
        "@qwen-code/qwen-code",
        "qwen",
        (PROMPT,),
        "read_file",
        lambda file: {"file_path": str(file)},
        "/v1/chat/completions",
        quiet={"QWEN_TELEMETRY_ENABLED": "0"},
        before={
            ".qwen/settings.json": '{\n  "privacy": { "usageStatisticsEnabled": false },\n'
            '  "general": { "enableAutoUpdate": false }\n}\n'
        },
    ),
    Program(
        "opencode",
        "opencode-ai",
        "opencode",
        ("run", PROMPT),
        "read",
        lambda file: {"filePath": str(file)},
        "/v1/chat/completions",
        quiet={f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "SHARE")},
    ),
    Program(
        "cline-cli",
        "cline",
        "cline",
        ("--timeout", "60", PROMPT),
        "read_files",
        lambda file: {"files": [{"path": str(file)}]},
        "/v1/chat/completions",
        quiet={"CLINE_NO_AUTO_UPDATE": "1", "DO_NOT_TRACK": "1"},
    ),
)
