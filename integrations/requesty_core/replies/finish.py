"""The words that tell why an answer ended."""

from __future__ import annotations

__all__ = ["finish_reason"]

_WORDS = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "completed": "stop",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "error": "error",
}


def finish_reason(word: str) -> str:
    """The word of the chat-completions format for a provider's own, in any case; an unknown word stays as it is.

    Words: OpenAI, Anthropic (``end_turn``, ``tool_use``, ``refusal``), Gemini (``STOP``, ``MAX_TOKENS``, ``SAFETY``),
    Bedrock (``guardrail_intervened``), Mistral (``model_length``), as their APIs document them.
    """
    return _WORDS.get(word) or _WORDS.get(word.lower().replace("-", "_"), word)
