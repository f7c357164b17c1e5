"""The list, in the order of the page."""

from . import answers, tools, structured, reasoning, media, gateway, money, faults, fallback, life  # noqa: F401, I001
