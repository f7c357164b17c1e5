"""Tools and structured output of a chat model, and its token counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict

from ._errors import langchain_errors
from ._structured import Method, ask_for, bound, with_parser
from ._tokens import count_tokens
from ._tools import ToolLike, response_format, strict_schemas, tool_choice_for, wire_tools

__all__ = ["BindableChatModel"]


class BindableChatModel(BaseChatModel):
    """What binds tools and schemas to a chat model of this package."""

    model_config = ConfigDict(defer_build=True)

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools.

        Args:
            tools: functions, LangChain tools, pydantic classes, schemas, or provider-side tools such as
                ``{"type": "web_search"}``.
            tool_choice: a tool's name, ``auto``, ``none``, ``any``, ``required``, ``True`` (the only tool), or a
                mapping.
            strict: whether arguments must follow the schema exactly. ``True`` sends each schema in the closed form that
                strict mode takes; a null that stands for an argument left out is taken out of the calls.
            parallel_tool_calls: whether several tools may be called at once.
            response_format: a schema the final answer must follow, beside the tools.
            kwargs: further request parameters.

        Raises:
            ConfigurationError: ``tool_choice`` names no tool, or a schema has no strict form.
        """
        with langchain_errors():
            wired = wire_tools(tools, strict)
            choice = tool_choice_for(tool_choice, wired)
            form = None if response_format is None else _response_format(response_format, strict)
        bound: dict[str, Any] = {**kwargs, "tools": wired}
        if own := strict_schemas(tools, strict):
            bound["strict_schemas"] = {**(kwargs.get("strict_schemas") or {}), **own}
        if choice is not None:
            bound["tool_choice"] = choice
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        if form is not None:
            bound["response_format"] = form
        return self.bind(**bound)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """The model giving objects of a schema.

        Args:
            schema: a pydantic class, ``TypedDict``, JSON schema or tool schema. Only ``json_mode`` works without.
            method: ``json_schema`` (the provider enforces the schema), ``function_calling`` (a forced tool call) or
                ``json_mode`` (valid JSON; describe the fields in the prompt). Default: ``json_schema`` where the
                model's profile or the table of rules says so, else ``function_calling``.
            include_raw: give ``{"raw", "parsed", "parsing_error"}`` instead of the object alone.
            strict: whether the provider must follow the schema exactly.
            tools: further tools the model may call (with ``json_schema``).
            kwargs: further request parameters.

        Raises:
            ConfigurationError: the method is unknown or lacks a schema, or the schema has no strict form.
            RequestyRefusalError: the model refused (when called).
            OutputParserException: the answer was cut or does not fit the schema (when called).
        """
        if method is None:
            known = (self.profile or {}).get("structured_output")
            method = "json_schema" if (self._takes_schemas() if known is None else known) else "function_calling"
        with langchain_errors():
            asked = ask_for(schema, method, strict=strict, tools=tools)
        return with_parser(bound(self, asked, kwargs), asked.parser, include_raw=include_raw)

    def _takes_schemas(self) -> bool:
        """Whether the model is known to follow a JSON schema, where its profile does not say."""
        return False

    def get_num_tokens(self, text: str) -> int:
        """Tokens of a text: exact with ``custom_get_token_ids``, else about four characters each."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return ceil(len(text) / 4)

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids by ``custom_get_token_ids``; models behind the gateway have no tokeniser in common."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise NotImplementedError("get_token_ids: set custom_get_token_ids; the gateway's models share no tokeniser")

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Tokens of messages and tools, estimated without a tokeniser (scaled by usage where replies tell it).

        An image, a document, audio or a video counts as one of its kind, whatever its size in base64.
        """
        return count_tokens(messages, wire_tools(tools) if tools else None)


_response_format = response_format  # bind_tools has an argument of this name
