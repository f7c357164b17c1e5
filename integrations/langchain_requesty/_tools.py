"""Tools, tool choice and response formats in wire form: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool, Tool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel

from requesty_core.adapters import json_schema_format, strict_function
from requesty_core.errors import ConfigurationError
from requesty_core.schemas import CompiledSchema, compile_class, compile_schema, without_titles

__all__ = [
    "ToolLike",
    "answer_tool",
    "custom_names",
    "is_traceable",
    "response_format",
    "sent_schema",
    "strict_schemas",
    "tool_choice_for",
    "tool_names",
    "wire_tools",
]

ToolLike = Mapping[str, Any] | type | Callable[..., Any] | BaseTool

_CHOICES = {"auto": "auto", "none": "none", "any": "required", "required": "required"}


def wire_tools(tools: Sequence[ToolLike], strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools as the gateway takes them. Tools run by the provider (``{"type": "web_search"}``) pass untouched.

    Raises :class:`ConfigurationError` for ``strict=True`` and parameters without a strict form.
    """
    return [_tool(tool, strict, f"tools[{number}]") for number, tool in enumerate(tools)]


def _tool(tool: Any, strict: bool | None, where: str) -> dict[str, Any]:
    if _is_foreign(tool):
        return _nested_custom(tool) if tool["type"] == "custom" else dict(tool)
    try:
        wire = _loose(tool, None if strict else strict, inlined=not strict)
    except ConfigurationError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        # LangChain's converter says what it takes in several lines, or trips.
        advice = "give a tool, a class, a function with a docstring, or a mapping in wire form"
        raise ConfigurationError(f"{where}: {_said(tool)} is no tool; {advice}") from error
    if strict:
        wire = {**wire, "function": strict_function(wire["function"])}
    return wire


def _nested_custom(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A custom tool in the form of chat completions; that of the Responses format has its fields at the top."""
    if "custom" in tool:
        return dict(tool)
    inner = {key: value for key, value in tool.items() if key in ("name", "description", "format")}
    return {**{key: value for key, value in tool.items() if key not in inner}, "custom": inner}


def _is_foreign(tool: Any) -> bool:
    """Whether it is a tool that the provider runs."""
    if not isinstance(tool, Mapping) or tool.get("type", "function") == "function":
        return False
    return not tool.keys() & {"input_schema", "parameters", "title"}


def _loose(tool: Any, strict: bool | None, *, inlined: bool = True) -> dict[str, Any]:
    """The tool in wire form with the user's own parameters; references written out where they end, if wanted."""
    mapping = isinstance(tool, Mapping)
    cache = tool.get("cache_control") if mapping else (getattr(tool, "extras", None) or {}).get("cache_control")
    function = _class_function(tool, inlined=inlined)
    if function is None:
        wire = convert_to_openai_tool(dict(tool) if mapping else tool, strict=strict)
    else:
        # LangChain's own converter trips over names such as "$ref" and ends a recursion in an empty schema.
        wire = {"type": "function", "function": function}
        if strict is not None:
            function["strict"] = strict
    return {**wire, "cache_control": cache} if cache is not None else wire


def _class_function(tool: Any, *, inlined: bool) -> dict[str, Any] | None:
    """The function of a pydantic class, a titled schema, or a tool that has one of them; ``None`` for any other."""
    cls: Any = tool
    if isinstance(tool, BaseTool):
        cls = None if isinstance(tool, Tool) and not tool.args_schema else tool.tool_call_schema
    if isinstance(cls, Mapping) and (cls is not tool or _is_json_schema(tool)):
        compiled = compile_schema(without_titles(cls))
    elif isinstance(cls, type) and issubclass(cls, BaseModel):
        compiled = compile_class(cls, _class_schema)
    else:
        return None
    if compiled.wrapper is not None and cls is tool:
        # A call's arguments are an object; what else to do with such a class is LangChain's to say.
        return None
    parameters = compiled.inlined if inlined else compiled.plain
    said = parameters.pop("description", "")
    if isinstance(tool, BaseTool):
        return {"name": tool.name, "description": tool.description or said, "parameters": parameters}
    if isinstance(cls, Mapping):
        described = {"description": said} if said else {}
        return {"name": cls["title"], **described, "parameters": parameters}
    return {"name": cls.model_config.get("title") or cls.__name__, "description": said, "parameters": parameters}


def strict_schemas(tools: Sequence[ToolLike], strict: bool | None) -> dict[str, Any]:
    """The users' own parameters of the tools that :func:`wire_tools` sends in strict form, by the tool's name."""
    if not strict:
        return {}
    functions = [_loose(tool, None, inlined=False)["function"] for tool in tools if not _is_foreign(tool)]
    return {function["name"]: function.get("parameters") for function in functions}


def _class_schema(cls: type) -> Mapping[str, Any]:
    assert issubclass(cls, BaseModel)
    return without_titles(cls.model_json_schema())  # type: ignore[no-any-return]


def custom_names(tools: Sequence[Mapping[str, Any]] | None) -> frozenset[str]:
    """Names of the tools that take plain text (OpenAI's ``{"type": "custom", "custom": {"name": …}}``)."""
    return frozenset(_custom_names(tools or ()))


def _custom_names(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    inner = [tool.get("custom") for tool in tools if isinstance(tool, Mapping) and tool.get("type") == "custom"]
    return [str(custom["name"]) for custom in inner if isinstance(custom, Mapping) and custom.get("name")]


def tool_names(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the function tools."""
    return [tool["function"]["name"] for tool in tools if tool.get("type") == "function"]


def tool_choice_for(choice: object, tools: Sequence[Mapping[str, Any]]) -> Any:
    """The wire's ``tool_choice`` for LangChain's: a word, a tool's name, a boolean or a mapping; ``None`` for unset.

    Raises :class:`ConfigurationError` for a tool that is not among ``tools``.
    """
    if choice is None or choice is False:
        return None
    names = [*tool_names(tools), *_custom_names(tools)]
    if choice is True:
        if len(names) != 1:
            raise ConfigurationError(f"tool_choice: True needs exactly one tool, not {len(names)}; give a tool's name")
        return _named(names[0], tools)
    if isinstance(choice, str):
        if choice in names:
            return _named(choice, tools)
        if choice in _CHOICES:
            return _CHOICES[choice]
        # A provider-side tool is forced by its type.
        if any(tool.get("type") == choice for tool in tools):
            return {"type": choice}
        raise ConfigurationError(
            f"tool_choice: {choice!r} is not one of the tools ({', '.join(names)}) nor auto, none, any"
        )
    if isinstance(choice, Mapping):
        return _mapped_choice(choice, names, tools)
    raise ConfigurationError(f"tool_choice: {choice!r} is not usable; give a tool's name, auto, none, any or a mapping")


def _mapped_choice(choice: Mapping[str, Any], names: Sequence[str], tools: Sequence[Mapping[str, Any]]) -> Any:
    if choice.get("type") in ("any", "auto", "none"):
        return _CHOICES[choice["type"]]
    inner = choice.get("function") or choice.get("custom")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if choice.get("type") == "tool":
        name = choice.get("name")
    if name is None:
        return dict(choice)
    if name not in names:
        raise ConfigurationError(f"tool_choice: {name!r} is not one of the tools ({', '.join(names)})")
    return _named(name, tools)


def _named(name: str, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kind = "custom" if name in _custom_names(tools) else "function"
    return {"type": kind, kind: {"name": name}}


def response_format(schema: Any, strict: bool | None = None) -> dict[str, Any]:
    """A wire ``response_format`` from a schema (class or JSON schema); one that is complete passes untouched.

    Raises :class:`ConfigurationError` for ``strict=True`` and a schema without a strict form.
    """
    if isinstance(schema, Mapping) and schema.get("type") in ("text", "json_object", "json_schema"):
        return dict(schema)
    if isinstance(schema, Mapping) and {"name", "schema"} <= schema.keys():
        inner = dict(schema)
        if strict is not None:
            inner["strict"] = strict
        return {"type": "json_schema", "json_schema": inner}
    compiled, name, description = _compiled(schema)
    return json_schema_format(compiled, name, strict=strict, description=description)


def sent_schema(schema: Any) -> CompiledSchema | None:
    """The schema that :func:`response_format` sends; ``None`` where it is the caller's own wire form."""
    if not isinstance(schema, Mapping) or _is_json_schema(schema):
        return _compiled(schema)[0]
    inner = schema.get("json_schema") or schema
    return compile_schema(inner["schema"]) if "schema" in inner else None


def _compiled(schema: Any) -> tuple[CompiledSchema, str, str | None]:
    """The compiled schema of what ``with_structured_output`` takes, its name and its description."""
    function = _class_function(schema, inlined=False)
    if function is not None:
        return compile_schema(function["parameters"]), function["name"], function.get("description")
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        # The root is no object, which the compiler knows how to send and to read.
        return compile_class(schema, _class_schema), schema.__name__, schema.__doc__
    made = dict(schema) if _is_json_schema(schema) else _converted(schema)
    function = {"name": made["title"], "description": made.get("description")}
    made = {key: value for key, value in made.items() if key not in ("title", "description")}
    return compile_schema(made), function["name"], function.get("description")


def _converted(schema: Any) -> dict[str, Any]:
    try:
        return convert_to_json_schema(schema)
    except (ValueError, TypeError, KeyError) as error:
        raise _no_schema(schema) from error


def _no_schema(schema: Any) -> ConfigurationError:
    advice = "give a class, a JSON schema with a title, or a complete response format"
    return ConfigurationError(f"schema: {_said(schema)} is no schema; {advice}")


def _said(value: Any) -> str:
    """What was given, in a few words."""
    if isinstance(value, type):
        return f"the type {value.__name__}"
    if isinstance(value, Mapping):
        return f"a mapping of {', '.join(map(str, value))}" if value else "an empty mapping"
    return f"{value!r}"[:80] if isinstance(value, (str, int)) else f"an object of type {type(value).__name__}"


def answer_tool(schema: Any) -> tuple[ToolLike, CompiledSchema | None]:
    """The tool whose call is the answer. The arguments of a call are an object; a schema that is none (a list, say)
    stands under a property of it, and the compiled schema takes that off again."""
    is_class = isinstance(schema, type) and issubclass(schema, BaseModel)
    if not is_class and not _is_json_schema(schema):
        if _is_foreign(schema):
            raise _no_schema(schema)
        try:
            wire_tools([schema])
        except ConfigurationError as error:
            raise _no_schema(schema) from error
        return schema, None
    compiled, name, description = _compiled(schema)
    if compiled.wrapper is None:
        return schema, None
    function = {"name": name, "description": description or "", "parameters": compiled.plain}
    return {"type": "function", "function": function}, compiled


def is_traceable(schema: Any) -> bool:
    """Whether LangChain can write the schema into a trace: it trips over names such as "$ref", in every call."""
    try:
        convert_to_json_schema(schema)
    except ValueError:
        return True  # It leaves that out by itself.
    except (TypeError, KeyError, AttributeError, RecursionError):
        return False
    return True


def _is_json_schema(schema: Any) -> bool:
    """Whether it is a titled JSON schema, which LangChain would take for a function and strip of its root."""
    if not isinstance(schema, Mapping) or "title" not in schema:
        return False
    return not schema.keys() & {"name", "function", "input_schema", "toolSpec"}
