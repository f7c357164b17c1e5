"""Embedding answers that are not as documented, through every adapter: the right vectors, or a typed error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from requesty_core import RequestyError
from requesty_core.errors import ErrorKind
from requesty_emulator import GatewayEmulator
from requesty_emulator.gateway.bad_vectors import BAD_VECTORS

from .matrix import drivers
from .model import Case, Driver, Mode

TEXTS = ["The museum opens at nine.", "The pier is closed.", "The light is on."]
MODES = [Mode.SYNC, Mode.ASYNC]

UNTOLD = {
    "other_dimensions": "the length of a vector is right unless another was asked for",
    "base64_of_doubles": "looks like vectors of twice the length",
}
"""Answers that nothing tells from right ones unless a length was asked for, and why."""


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("encoding", ["base64", "float"])
@pytest.mark.parametrize("name", [name for name in BAD_VECTORS if name not in UNTOLD])
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_a_bad_answer_is_a_typed_error(gw: GatewayEmulator, driver: Driver, name: str, encoding: str) -> None:
    case = Case(driver, MODES[len(name) % 2], gw)
    settings: dict[str, Any] = {"max_retries": 0}
    if encoding == "float":
        settings["extra_body"] = {"encoding_format": "float"}
    gw.fault(bad_vectors=name)
    with pytest.raises(Exception) as caught:
        case.embed(TEXTS, **settings)
    errors = [error for error in chain(caught.value) if isinstance(error, RequestyError)]
    assert errors, type(caught.value)
    assert errors[0].kind is (ErrorKind.OVERLOADED if name == "error_beside" else ErrorKind.MALFORMED)
    assert len(gw.requests) == 1
    assert "\n" not in str(caught.value)
    if (
        name in ("not_a_number", "infinite", "two_lengths", "vector_null", "base64_garbage")
        and driver.name != "OpenAI SDK"
    ):
        kept = next(error for error in errors if hasattr(error, "failed_inputs"))
        assert kept.failed_inputs == (2,)
        assert [vector is not None for vector in kept.vectors] == [True, True, False]


@pytest.mark.parametrize("name", sorted(UNTOLD))
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_other_dimensions_than_asked_are_an_error(gw: GatewayEmulator, driver: Driver, name: str) -> None:
    gw.fault(bad_vectors=name)
    with pytest.raises(Exception) as caught:
        Case(driver, MODES[0], gw).embed(TEXTS, extra_body={"dimensions": 8})
    assert "8 dimensions were asked for" in str(caught.value)
    assert len(gw.requests) == 1


@pytest.mark.parametrize("name", ["not_a_number", "too_few", "index_taken", "error_beside"])
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_a_bad_answer_is_asked_for_again(gw: GatewayEmulator, driver: Driver, name: str) -> None:
    good = Case(driver, MODES[1], gw).embed(TEXTS)
    gw.fault(bad_vectors=name, times=1)
    again = Case(driver, MODES[1], gw).embed(TEXTS, max_retries=1)
    assert again.vectors == good.vectors
    assert len(gw.requests) == 3
