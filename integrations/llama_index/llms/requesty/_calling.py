"""``predict_and_call``: one step of an agent, without running what the model did not finish asking for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import ConfigDict
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.tools.types import BaseTool

from ._prediction import PredictingLLM
from ._tool_calls import acall_tools, agent_response, call_tools

__all__ = ["CallingLLM"]


class CallingLLM(PredictingLLM):
    """An LLM whose ``predict_and_call`` runs whole calls of known tools only.

    Core's own hands a tool with one parameter whatever text came, cut or not.
    """

    model_config = ConfigDict(defer_build=True)

    def predict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """The output of the tools that the model calls, or its text where it calls none and may do so.

        A call with arguments that are no JSON object gives an error in ``sources``, and runs nothing.

        Raises:
            ValueError: no call and ``error_on_no_tool_call``, or a failed tool and ``error_on_tool_error``.
        """
        turn: dict[str, Any] = {"user_msg": user_msg, "chat_history": chat_history, "verbose": verbose, **kwargs}
        if not self.metadata.is_function_calling_model:
            return super().predict_and_call(list(tools), **turn)
        response = self.chat_with_tools(tools, allow_parallel_tool_calls=allow_parallel_tool_calls, **turn)
        calls = self.get_tool_calls_from_response(response, error_on_no_tool_call=error_on_no_tool_call)
        outputs = call_tools(calls, tools, verbose=verbose)
        return agent_response(response, outputs, error_on_tool_error=error_on_tool_error)

    async def apredict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Async :meth:`predict_and_call`."""
        turn: dict[str, Any] = {"user_msg": user_msg, "chat_history": chat_history, "verbose": verbose, **kwargs}
        if not self.metadata.is_function_calling_model:
            return await super().apredict_and_call(list(tools), **turn)
        response = await self.achat_with_tools(tools, allow_parallel_tool_calls=allow_parallel_tool_calls, **turn)
        calls = self.get_tool_calls_from_response(response, error_on_no_tool_call=error_on_no_tool_call)
        outputs = await acall_tools(calls, tools, verbose=verbose)
        return agent_response(response, outputs, error_on_tool_error=error_on_tool_error)
