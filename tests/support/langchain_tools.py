"""A tool as LangChain's users write it."""

from __future__ import annotations

from langchain_core.tools import tool


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}"
