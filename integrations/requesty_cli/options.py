"""Options that several commands share, and the client they describe."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from requesty_core import RequestyClient
from requesty_core.errors import ConfigurationError

from .problems import UsageProblemError

__all__ = ["BaseUrl", "Json", "ManagementUrl", "Region", "RegionName", "connect", "gateway_url"]

GATEWAY = "Gateway"


class RegionName(StrEnum):
    """The regions of :data:`requesty_core.settings.config.REGIONS`; a test keeps the two alike."""

    GLOBAL = "global"
    EU = "eu"
    US = "us"
    AP = "ap"


BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Gateway to talk to, with /v1. Default: REQUESTY_BASE_URL, REQUESTY_API_BASE, else the global one.",
        rich_help_panel=GATEWAY,
    ),
]
Region = Annotated[
    RegionName | None,
    typer.Option(help="Gateway of a region, instead of --base-url.", rich_help_panel=GATEWAY),
]
ManagementUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Host of the management API. Default: the one that belongs to the gateway.",
        rich_help_panel=GATEWAY,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


OPTION_NAMES = {"base_url": "--base-url", "management_url": "--management-url", "fallbacks": "--fallback"}


def connect(
    base_url: str | None, region: RegionName | None, management_url: str | None = None, **more: Any
) -> RequestyClient:
    """A client for what the options say. Raises ``UsageProblemError`` that names the option."""
    if base_url is not None and region is not None:
        raise UsageProblemError("--region: given together with --base-url; give only one of them")
    try:
        return RequestyClient(
            base_url=base_url,
            region=None if region is None else region.value,
            management_url=management_url,
            **more,
        )
    except ConfigurationError as error:
        name, colon, rest = error.message.partition(":")
        raise UsageProblemError(f"{OPTION_NAMES.get(name, name)}{colon}{rest}") from None


def gateway_url(base_url: str | None, region: RegionName | None) -> str:
    """The base URL that the options, or the environment, name. Raises as :func:`connect`."""
    return connect(base_url, region).base_url
