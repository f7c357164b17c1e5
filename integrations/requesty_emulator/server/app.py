"""The ASGI application: which handler answers which path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.delivery import Reply, encode
from requesty_emulator.gateway.endpoint import Endpoint, Handler
from requesty_emulator.page.site import page_routes
from requesty_emulator.routes import groups, management, media
from requesty_emulator.routes.chat import chat_completions
from requesty_emulator.routes.embeddings import create_embeddings
from requesty_emulator.routes.feedback import feedback_by_id, feedback_by_request
from requesty_emulator.routes.management import guarded
from requesty_emulator.routes.messages import create_message
from requesty_emulator.routes.models import list_managed, list_models
from requesty_emulator.routes.responses import create_response


def build_app(core: Core) -> Starlette:
    """All routes of the inference and the management host on one application."""

    app = Starlette(
        routes=[*_inference(core), *_management(core), *page_routes(core)], exception_handlers={HTTPException: _refused}
    )
    # Unknown paths are recorded too, so that a test sees a client calling a wrong one.
    app.router.default = Endpoint(core, _missing)
    return app


def _inference(core: Core) -> list[Route]:
    def at(path: str, method: str, handler: Handler, style: str = "openai") -> Route:
        return Route(path, Endpoint(core, handler, style), methods=[method])

    return [
        at("/v1/chat/completions", "POST", chat_completions),
        at("/v1/messages", "POST", create_message, "anthropic"),
        at("/v1/responses", "POST", create_response),
        at("/v1/embeddings", "POST", create_embeddings),
        at("/v1/models", "GET", list_models),
        at("/v1/models/managed", "GET", list_managed),
        at("/v1/images/generations", "POST", media.generate_images),
        at("/v1/images/edits", "POST", media.generate_images),
        at("/v1/audio/speech", "POST", media.create_speech),
        at("/v1/audio/transcriptions", "POST", media.transcribe),
        at("/v1/feedback", "POST", feedback_by_request),
        at("/feedback/{id}", "POST", feedback_by_id),
        at("/v1/auth/check", "GET", management.auth_check, "manage"),
    ]


def _management(core: Core) -> list[Route]:
    def manage(path: str, method: str, handler: Handler) -> Route:
        level = "read" if method == "GET" else "write"
        endpoint = Endpoint(core, guarded(level, handler), "manage")
        return Route(f"/v1/manage{path}", endpoint, methods=[method])

    return [
        manage("/apikey", "GET", management.list_keys),
        manage("/apikey", "POST", management.create_key),
        manage("/apikey/{id}", "GET", management.get_key),
        manage("/apikey/{id}", "DELETE", management.delete_key),
        manage("/apikey/{id}/limit", "POST", management.set_limit),
        manage("/apikey/{id}/label", "POST", management.set_labels),
        manage("/apikey/{id}/expiry", "POST", management.set_expiry),
        manage("/apikey/{id}/usage", "GET", management.key_usage),
        manage("/org", "GET", management.get_org),
        manage("/org/usage", "GET", management.org_usage),
        manage("/org/member", "GET", management.org_members),
        manage("/org/group/access-list", "POST", groups.use_access_list),
        manage("/group", "GET", groups.list_groups),
        manage("/group", "POST", groups.create_group),
        manage("/group/{id}", "GET", groups.get_group),
        manage("/group/{id}", "DELETE", groups.delete_group),
        manage("/group/{id}/member", "POST", groups.add_member),
        manage("/group/{id}/member", "DELETE", groups.remove_member),
        manage("/group/{id}/member", "PUT", groups.set_role),
        manage("/group/{id}/member/{user_id}/role", "PUT", groups.set_role),
        manage("/access-list", "GET", groups.list_access_lists),
        manage("/access-list", "POST", groups.create_access_list),
        manage("/access-list/{id}", "GET", groups.get_access_list),
        manage("/access-list/{id}", "PATCH", groups.patch_access_list),
        manage("/access-list/{id}", "DELETE", groups.delete_access_list),
    ]


async def _missing(call: Call) -> Reply:
    raise GatewayError(404, f"Path {call.record.path} not found")


async def _refused(request: Request, exc: Exception) -> Response:
    """Wrong methods (405) in the gateway's error body."""
    assert isinstance(exc, HTTPException)
    message = f"Method {request.method} not allowed" if exc.status_code == 405 else exc.detail
    error = GatewayError(exc.status_code, message, "router")
    return Response(encode(error.envelope()), exc.status_code, exc.headers, "application/json")
