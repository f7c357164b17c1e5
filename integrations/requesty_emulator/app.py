"""The ASGI application: which handler answers which path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from requesty_emulator.call import Endpoint, Handler
from requesty_emulator.chat import chat_completions
from requesty_emulator.core import Core
from requesty_emulator.delivery import encode
from requesty_emulator.embeddings import create_embeddings
from requesty_emulator.errors import GatewayError
from requesty_emulator.models_api import list_managed, list_models


def build_app(core: Core) -> Starlette:
    """All routes of the inference and the management host on one application."""

    def at(path: str, method: str, handler: Handler, style: str = "openai") -> Route:
        return Route(path, Endpoint(core, handler, style), methods=[method])

    routes = [
        at("/v1/chat/completions", "POST", chat_completions),
        at("/v1/embeddings", "POST", create_embeddings),
        at("/v1/models", "GET", list_models),
        at("/v1/models/managed", "GET", list_managed),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused})


async def _refused(request: Request, exc: Exception) -> Response:
    """Unknown paths (404) and wrong methods (405) in the gateway's error body."""
    assert isinstance(exc, HTTPException)
    message = {404: f"Path {request.url.path} not found", 405: f"Method {request.method} not allowed"}
    error = GatewayError(exc.status_code, message.get(exc.status_code, exc.detail), "router")
    return Response(encode(error.envelope()), exc.status_code, exc.headers, "application/json")
