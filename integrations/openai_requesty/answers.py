"""What the SDK asks its client about one request: how it is to be made, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import openai
from openai._compat import model_copy
from openai._types import NotGiven
from pydantic import BaseModel

from requesty_core.adapters import blotted
from requesty_core.errors import ConfigurationError
from requesty_core.schemas import CompiledSchema

from .decode import builder
from .details import attach, relayed_of
from .errors import error_in, raising, sdk_error, status_error
from .formats import restore_answer, sendable, wanted
from .options import check_own_headers
from .requests import quick_request
from .streams import stream_class

__all__ = ["CoreAnswers", "without_retries"]

# In every instance the SDK's client comes after this class; which of the two is not known here.
_Sdk: Any = object


class CoreAnswers(_Sdk):  # type: ignore[misc]
    """Headers, typed errors, and models and streams built from what the core has decoded."""

    _core: Any

    @property
    def user_agent(self) -> str:
        """The core's, or the caller's own."""
        headers = self._core.settings.config.headers
        return next((v for k, v in headers.items() if k.lower() == "user-agent"), "requesty-adapters")

    def platform_headers(self) -> dict[str, str]:
        """None: the gateway has no use for them."""
        return {}

    def _before(self, options: Any, stream_cls: Any) -> tuple[Any, Any]:
        """The options and the stream class of one request, as it is to be made."""
        headers = options.headers if isinstance(options.headers, Mapping) else {}
        if any(name.lower() == "authorization" for name in headers):
            raise sdk_error(
                ConfigurationError("extra_headers: 'Authorization' cannot be set here; use api_key or with_options"),
                None,
            )
        if headers:
            with raising():
                check_own_headers(headers, "extra_headers")
        options = model_copy(options)
        options.max_retries = 0
        parser = options.post_parser
        form = wanted()
        if callable(parser) and not isinstance(parser, ParserKeepingDetails):
            options.post_parser = ParserKeepingDetails(parser, None if form is None else form.compiled)
            options.json_data = sendable(options, form)
        elif form is not None or stream_cls is not None:
            options.json_data = sendable(options, form)
        return options, stream_class(stream_cls)

    def _build_request(self, options: Any, *, retries_taken: int = 0) -> Any:
        request = quick_request(self, options)
        return super()._build_request(options, retries_taken=retries_taken) if request is None else request

    def _process_response(self, *, response: Any, retries_taken: int = 0, **how: Any) -> Any:
        relayed = relayed_of(response)
        retries = retries_taken if relayed is None else relayed.retries_taken
        return super()._process_response(response=response, retries_taken=retries, **how)

    def _process_response_data(self, *, data: object, cast_to: Any, response: Any) -> Any:
        relayed = relayed_of(response)
        shaped = data if relayed is None or not isinstance(data, dict) else relayed.completion(data)

        def slow(data: Any) -> Any:
            return super(CoreAnswers, self)._process_response_data(data=data, cast_to=cast_to, response=response)

        strict = getattr(self, "_strict_response_validation", False)
        result = (slow if strict else builder(cast_to, slow))(shaped)
        if relayed is not None and isinstance(result, BaseModel) and not _streams(response):
            attach(result, relayed.details())
        return result

    def _make_status_error(self, err_msg: str, *, body: object, response: Any) -> openai.APIStatusError:
        # A server that echoes the key must not carry it into logs and traces.
        redact = self._core.settings.config.api_key.redact
        made: openai.APIStatusError = super()._make_status_error(
            redact(err_msg), body=blotted(body, redact), response=response
        )
        error = error_in(response)
        return made if error is None else status_error(error, made)


def _streams(response: Any) -> bool:
    """Whether an answer is one of many: the SDK's helpers make new objects of all that such a one holds."""
    return "text/event-stream" in response.headers.get("content-type", "")


class ParserKeepingDetails:
    """One of the SDK's parsers that make a new object of an answer; the details of the request go with it.

    Args:
        parse: the SDK's parser.
        compiled: the schema that the answer's text is restored to before it is parsed.
    """

    def __init__(self, parse: Callable[[Any], Any], compiled: CompiledSchema | None = None) -> None:
        self._parse = parse
        self._compiled = compiled

    def __call__(self, answer: Any) -> Any:
        if self._compiled is not None:
            restore_answer(answer, self._compiled)
        parsed = self._parse(answer)
        details = getattr(answer, "__dict__", {}).get("_requesty")
        if details is not None and isinstance(parsed, BaseModel):
            attach(parsed, details)
        return parsed


def without_retries(options: Any) -> Any:
    """The options of a request, with the client's own ``max_retries``."""
    options = model_copy(options)
    options.max_retries = NotGiven()
    return options
