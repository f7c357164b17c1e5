"""Tools, tool choice and response formats in wire form: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from requesty_core.errors import ConfigurationError

__all__ = ["ToolLike", "response_format", "tool_choice_for", "tool_names", "wire_tools"]

ToolLike = Mapping[str, Any] | type | Callable[..., Any] | BaseTool

_CHOICES = {"auto": "auto", "none": "none", "any": "required", "required": "required"}


def wire_tools(tools: Sequence[ToolLike], strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools as the gateway takes them. Tools run by the provider (``{"type": "web_search"}``) pass untouched."""
    return [_tool(tool, strict) for tool in tools]


def _tool(tool: Any, strict: bool | None) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        if "type" in tool and tool["type"] != "function" and not tool.keys() & {"input_schema", "parameters", "title"}:
            return dict(tool)
        cache = tool.get("cache_control")
    else:
        cache = (getattr(tool, "extras", None) or {}).get("cache_control")
    wire = convert_to_openai_tool(dict(tool) if isinstance(tool, Mapping) else tool, strict=strict)
    return {**wire, "cache_control": cache} if cache is not None else wire


def tool_names(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the function tools."""
    return [tool["function"]["name"] for tool in tools if tool.get("type") == "function"]


def tool_choice_for(choice: object, tools: Sequence[Mapping[str, Any]]) -> Any:
    """The wire's ``tool_choice`` for LangChain's: a word, a tool's name, a boolean or a mapping; ``None`` for unset.

    Raises :class:`ConfigurationError` for a tool that is not among ``tools``.
    """
    if choice is None or choice is False:
        return None
    names = tool_names(tools)
    if choice is True:
        if len(names) != 1:
            raise ConfigurationError(f"tool_choice: True needs exactly one tool, not {len(names)}; give a tool's name")
        return _named(names[0])
    if isinstance(choice, str):
        if choice in names:
            return _named(choice)
        if choice in _CHOICES:
            return _CHOICES[choice]
        # A provider-side tool is forced by its type.
        if any(tool.get("type") == choice for tool in tools):
            return {"type": choice}
        raise ConfigurationError(
            f"tool_choice: {choice!r} is not one of the tools ({', '.join(names)}) nor auto, none, any"
        )
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        if choice.get("type") in ("any", "auto", "none"):
            return _CHOICES[choice["type"]]
        if choice.get("type") == "tool":
            name = choice.get("name")
        if name is not None:
            if name not in names:
                raise ConfigurationError(f"tool_choice: {name!r} is not one of the tools ({', '.join(names)})")
            return _named(name)
        return dict(choice)
    raise ConfigurationError(f"tool_choice: {choice!r} is not usable; give a tool's name, auto, none, any or a mapping")


def _named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def response_format(schema: Any, strict: bool | None = None) -> dict[str, Any]:
    """A wire ``response_format`` from a schema (class or JSON schema); one that is complete passes untouched."""
    if isinstance(schema, Mapping) and schema.get("type") in ("text", "json_object", "json_schema"):
        return dict(schema)
    if isinstance(schema, Mapping) and {"name", "schema"} <= schema.keys():
        inner = dict(schema)
    else:
        inner = _named_schema(schema, strict)
    if strict is not None:
        inner["strict"] = strict
    return {"type": "json_schema", "json_schema": inner}


def _named_schema(schema: Any, strict: bool | None) -> dict[str, Any]:
    if isinstance(schema, type) and is_basemodel_subclass(schema) and strict is None:
        function = convert_to_openai_tool(schema)["function"]
        body = function["parameters"]
    else:
        body = convert_to_json_schema(schema, strict=strict)
        function = convert_to_openai_tool(schema, strict=strict)["function"]
    body = {key: value for key, value in body.items() if key not in ("title", "description")}
    inner = {"name": function["name"], "schema": body}
    if function.get("description"):
        inner["description"] = function["description"]
    return inner
