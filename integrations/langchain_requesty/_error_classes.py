"""Errors that are the core's and LangChain's at once, so that code catching either keeps working.

``_error_classes.pyi``, written by ``docs/generate_errors.py``, shows type checkers and the documentation what is made
here.
"""

from __future__ import annotations

from langchain_core import exceptions as lc

from requesty_core.adapters import error_classes
from requesty_core.errors import ErrorKind

CLASSES = error_classes(
    __name__,
    {
        ErrorKind.CONFIGURATION: lc.ModelInvalidRequestError,
        ErrorKind.BUDGET: lc.ModelError,
        ErrorKind.BAD_REQUEST: lc.ModelInvalidRequestError,
        ErrorKind.CONTEXT_OVERFLOW: lc.ContextOverflowError,
        ErrorKind.AUTHENTICATION: lc.ModelAuthenticationError,
        ErrorKind.PERMISSION: lc.ModelPermissionDeniedError,
        ErrorKind.INSUFFICIENT_BALANCE: lc.ModelError,
        ErrorKind.NOT_FOUND: lc.ModelNotFoundError,
        ErrorKind.SPEND_LIMIT: lc.ModelError,
        ErrorKind.UPSTREAM_FORMAT: lc.ModelAPIError,
        ErrorKind.RATE_LIMIT: lc.ModelRateLimitError,
        ErrorKind.OVERLOADED: lc.ModelAPIError,
        ErrorKind.SERVER: lc.ModelAPIError,
        ErrorKind.CONNECTION: lc.ModelConnectionError,
        ErrorKind.TIMEOUT: lc.ModelTimeoutError,
        ErrorKind.TRUNCATED: lc.ModelAPIError,
        ErrorKind.STREAM: lc.ModelAPIError,
        ErrorKind.ERROR_BODY: lc.ModelAPIError,
        ErrorKind.EMPTY_CHOICES: lc.ModelAPIError,
        ErrorKind.MALFORMED: lc.ModelAPIError,
        ErrorKind.EXHAUSTED: lc.ModelError,
    },
)
"""The class each kind of error leaves this package as."""

globals().update({cls.__name__: cls for cls in CLASSES.values()})
