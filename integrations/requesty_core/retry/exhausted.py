"""The error of a chain of which every step failed."""

from __future__ import annotations

from collections.abc import Sequence

from requesty_core.errors import ErrorKind, FallbackExhaustedError, RequestyError

__all__ = ["exhausted"]


def exhausted(errors: Sequence[RequestyError]) -> RequestyError:
    """All errors of a call in one, with the details of the last, which is its cause.

    What was too long for every model that was asked, and for the others by their windows, is the caller's to mend: that
    overflow is the error itself.
    """
    last = errors[-1]
    if all(error.kind is ErrorKind.CONTEXT_OVERFLOW for error in errors):
        return last
    models = list(dict.fromkeys(e.requested_model or "?" for e in errors))
    summary = "; ".join(f"{e.requested_model}: {type(e).__name__}: {e.message}" for e in errors)
    final = FallbackExhaustedError(
        f"all {len(errors)} attempts on {len(models)} model(s) failed: {summary}",
        status=last.status,
        origin=last.origin,
        request_id=last.request_id,
        response=last.response,
        body=last.body,
        retry_after=last.retry_after,
        partial=last.partial,
        requested_model=last.requested_model,
    )
    final.errors = tuple(errors)
    final.__cause__ = last
    return final
