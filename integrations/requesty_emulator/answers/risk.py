"""Tools that touch the machine or the world: which they are, and arguments for them that do nothing.

The emulated model stands in for a real one below programs that execute what it calls, some without asking. So it
never takes a shell, a file-writing or a network tool on its own (the switch ``risky_tools`` allows it, a scripted
answer or a ``tool_choice`` asks for it), and a command is never made of words of a prompt.
"""

from __future__ import annotations

import re
from typing import Any

from requesty_emulator.answers.model_request import Tool
from requesty_emulator.answers.schema_fill import fill

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SENTENCE_END = re.compile(r"[.!?]\s|\n")
_SHELL_WORDS = (
    "bash shell sh zsh powershell pwsh terminal console tty exec execute subprocess cmd command commands script "
    "repl python eval interpreter sudo ssh kill process docker"
)
_SHELL = frozenset(_SHELL_WORDS.split())
_WRITES_WORDS = (
    "write edit patch multiedit replace delete remove rm unlink move mv rename save append insert create "
    "overwrite modify update copy mkdir touch upload install commit push checkout revert"
)
_WRITES = frozenset(_WRITES_WORDS.split())
#: Names that say it all, whatever the rest of the tool says.
_WRITES_ALONE_WORDS = "write edit patch multiedit overwrite mkdir rm unlink mv"
_WRITES_ALONE = frozenset(_WRITES_ALONE_WORDS.split())
_FILES_WORDS = (
    "file files filename filepath path paths directory directories dir folder folders disk notebook workspace "
    "repository repo patch diff document"
)
_FILES = frozenset(_FILES_WORDS.split())
_NETWORK_WORDS = (
    "http https curl wget url urls uri web webfetch websearch browser browse internet download upload webhook "
    "email mail sms slack tweet publish navigate"
)
_NETWORK = frozenset(_NETWORK_WORDS.split())
_COMMAND_FIELDS_WORDS = "command commands cmd script shell code program argv"
_COMMAND_FIELDS = frozenset(_COMMAND_FIELDS_WORDS.split())
_URL_FIELDS_WORDS = "url urls uri endpoint href webhook"
_URL_FIELDS = frozenset(_URL_FIELDS_WORDS.split())
_SHELL_TEXT = re.compile(
    r"\b(?:bash|shell|terminal|powershell|subprocess)\b"
    r"|\b(?:runs?|execut\w+|invok\w+)\b.{0,40}\b(?:commands?|scripts?|code|programs?|process(?:es)?)\b",
    re.I,
)
_WRITE_TEXT = re.compile(
    r"\b(?:writ\w+|edits?|editing|creat\w+|delet\w+|remov\w+|overwrit\w+|modif\w+|append\w*|renam\w+|mov(?:es?|ing)|"
    r"sav(?:es?|ing)|replac\w+|patch\w*|updat\w+)\b.{0,60}\b(?:files?|director(?:y|ies)|folders?|notebooks?|disk)\b",
    re.I,
)
_NETWORK_TEXT = re.compile(r"\b(?:https?|urls?|web ?pages?|web ?sites?|internet|the web|emails?|webhooks?)\b", re.I)


def risky(tool: Tool) -> bool:
    """Whether a tool runs commands, writes files or reaches the network, by its name, first sentence and fields."""
    name = _words(tool.name)
    fields = _field_words(tool.schema)
    about = _SENTENCE_END.split(tool.description[:2_000].strip(), maxsplit=1)[0][:400]
    if name & _SHELL or fields & _COMMAND_FIELDS or _SHELL_TEXT.search(about):
        return True
    if name & _WRITES_ALONE or (name & _WRITES and (name | fields) & _FILES) or _WRITE_TEXT.search(about):
        return True
    return bool(name & _NETWORK or fields & _URL_FIELDS or _NETWORK_TEXT.search(about))


def fill_call(tool: Tool, text: str, allowed: bool) -> dict[str, Any]:
    """Arguments for a call, taken from ``text``; commands do nothing, and a risky tool sees no word of it.

    ``allowed`` (the switch ``risky_tools``) lets paths and addresses come from the text, commands still do not.
    """
    filled = fill(tool.schema, text if allowed or not risky(tool) else "")
    return _without_commands(filled) if isinstance(filled, dict) else {}


def _without_commands(value: Any, field: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_commands(item, key) for key, item in value.items()}
    is_command = bool(_words(field) & _COMMAND_FIELDS)
    if isinstance(value, list):
        if is_command and any(isinstance(item, str) for item in value):
            return ["true"]
        return [_without_commands(item, field) for item in value]
    return "true" if is_command and isinstance(value, str) else value


def _field_words(schema: dict[str, Any]) -> set[str]:
    properties = schema.get("properties")
    names = list(properties)[:100] if isinstance(properties, dict) else []
    return set().union(*(_words(name) for name in names)) if names else set()


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name[:200])}
