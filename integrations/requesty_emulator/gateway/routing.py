"""From a requested model id to the model that serves: faults, policies, approved lists, limits."""

from __future__ import annotations

import time
from dataclasses import replace

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.faults import Fault
from requesty_emulator.gateway.policy import CHAIN_SECONDS, SKIP_STATUSES, Policy, backoff
from requesty_emulator.models.catalogue import find
from requesty_emulator.models.model import Model


async def route(call: Call, kind: str = "chat", *, needs: int = 0) -> Model:
    """The model that serves this call.

    ``needs`` is the prompt's size in tokens: a policy skips members whose window is too small, as the
    docs describe, and a plain model answers 400. Raises the error that a scripted fault asks for.
    """
    requested = call.record.model or ""
    assert call.key is not None
    call.core.state.check_money(call.key)
    fault = _take(call, requested)
    if fault is not None:
        call.fault = fault
        if fault.is_error:
            raise fault.error()
    call.core.state.check_model(call.key, requested, kind)
    if requested.startswith("policy/"):
        return await _policy(call, _find_policy(call, requested), kind, needs, depth=0)
    model = find(requested, call.core.state.models)
    _fits(call, model, kind, needs)
    return model


def _take(call: Call, model: str, *, exact_model: bool = False) -> Fault | None:
    assert call.key is not None
    faults, path = call.core.faults, call.record.path
    return faults.take(model, call.key.id, call.key.secret, path, exact_model=exact_model)


def _find_policy(call: Call, requested: str) -> Policy:
    policy = call.core.state.policies.get(requested.removeprefix("policy/"))
    if policy is None:
        raise GatewayError(404, "Model and/or policy not supported")
    return policy


def _fits(call: Call, model: Model, kind: str, needs: int) -> None:
    if model.api != kind:
        raise GatewayError(400, f"model {call.record.model!r} does not support {kind} requests", "provider")
    if call.settings.check_context and model.context_window and needs > model.context_window:
        raise GatewayError(
            400,
            f"This model's maximum context length is {model.context_window} tokens. However, your messages resulted in "
            f"{needs} tokens. Please reduce the length of the messages.",
            "provider",
        )


async def _policy(call: Call, policy: Policy, kind: str, needs: int, depth: int) -> Model:
    if depth > 4:
        raise GatewayError(400, "policies are nested too deeply")
    meta = call.requesty
    sticky = meta.get("trace_id") or meta.get("user_id") or call.record.request_id
    error = GatewayError(404, "Model and/or policy not supported")
    waited = 0.0
    for name, retries in policy.order(str(sticky)):
        status = 0
        for pause in backoff(retries):
            pause *= 2.0 if status == 429 else 1.0
            if pause and waited + pause > CHAIN_SECONDS:
                raise error
            waited += pause
            if not await call.connection.pause(pause * call.settings.time_scale):
                raise error
            began = time.time()
            try:
                model = await _member(call, name, kind, needs, depth)
            except GatewayError as failed:
                error, status = failed, failed.status
                call.record.attempts.append((name, status))
                call.record.attempt_spans.append((began, time.time()))
                if status in SKIP_STATUSES:
                    break
            else:
                call.record.attempts.append((name, 200))
                call.record.attempt_spans.append((began, time.time()))
                return model
    raise error


async def _member(call: Call, name: str, kind: str, needs: int, depth: int) -> Model:
    """One try of one member; a fault scripted for exactly this member applies here."""
    fault = _take(call, name, exact_model=True)
    if fault is not None and (fault.is_error or fault.drop_connection or fault.html):
        raise fault.error() if fault.is_error else GatewayError(502)
    if name.startswith("policy/"):
        return await _policy(call, _find_policy(call, name), kind, needs, depth + 1)
    model = find(name, call.core.state.models)
    _fits(call, model, kind, needs)
    if fault is not None:
        call.fault = fault if call.fault == Fault() else replace(call.fault, delay=call.fault.delay + fault.delay)
    return model


def take_plain(call: Call) -> None:
    """Let a fault without a model disturb a route that needs neither model nor key."""
    fault = call.core.faults.take(None, "", "", call.record.path)
    if fault is not None:
        call.fault = fault
        if fault.is_error:
            raise fault.error()
