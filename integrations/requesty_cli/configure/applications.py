"""What each application wants to be told to use the gateway, and in which file. Pure: nothing is read or written.

Every fact about an application carries where it is from and how sure it is. No setting ever holds a key: it names the
environment variable that does, or the application keeps the key itself and the steps say where to enter it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from requesty_core.catalog.catalog import Catalog, ModelInfo

from .agents import claude_code, cline_cli, codex, opencode, qwen_code
from .plan import Place, Plan, Target
from .settings import Item, Setting

__all__ = ["APPLICATIONS", "Application", "dedicated_id"]


@dataclass(frozen=True, slots=True)
class Application:
    """An application: its name on the command line and in prose, the model it starts with, and how it is planned.

    ``prefix`` is that of the gateway's dedicated ids for it, ``by_hand`` why no file can be written. ``plan`` takes
    the target, the place and the data the file holds now (``None`` for an empty or absent one).
    """

    name: str
    title: str
    model: str
    plan: Callable[[Target, Place, Any], Plan]
    prefix: str | None = None
    by_hand: str | None = None


def dedicated_id(model: str, prefix: str, catalog: Catalog) -> str | None:
    """The dedicated id of a model for an application, if the catalogue lists one and ``model`` is not it."""
    name = model.rpartition("/")[2]
    wanted = f"{prefix}/{name}"
    return wanted if wanted != model and wanted in catalog else None


# --- Roo Code ---------------------------------------------------------------------------------------------------------
# Certain (its source and documentation, last release 3.54, May 2026): provider "requesty" with requestyBaseUrl,
# requestyModelId and requestyApiKey; import and export of {providerProfiles: {currentApiConfigName, apiConfigs}}; keys
# lie in VS Code's secret storage. Its makers ended the extension on 2026-05-15; installed copies go on working.

ROO_PROFILE = "requesty"


def _roo_code(target: Target, place: Place, held: Any) -> Plan:
    profile = ("providerProfiles", "apiConfigs", ROO_PROFILE)
    return Plan(
        format="json",
        path=place.join(place.folder, "roo-code-requesty.json"),
        settings=(
            Setting(("providerProfiles", "currentApiConfigName"), ROO_PROFILE),
            Setting((*profile, "apiProvider"), "requesty"),
            Setting((*profile, "requestyBaseUrl"), target.base_url),
            Setting((*profile, "requestyModelId"), target.model),
        ),
        steps=(
            "In Roo Code: Settings (gear), About Roo Code, Import, and choose the file.",
            "Then paste the key into 'Requesty API Key' of the profile 'requesty'; VS Code's secret storage keeps it.",
            "Import it once: named in roo-cline.autoImportSettingsPath, it would take the key away at every start.",
        ),
    )


# --- Cline ------------------------------------------------------------------------------------------------------------
# Certain (its source, 2026): provider "Requesty" with an optional custom base URL; settings and key lie in VS Code's
# own storage. Names of fields in its settings page are as of early 2026.


def _cline(target: Target, place: Place, held: Any) -> Plan:
    return Plan(
        fields=(
            ("API Provider", "Requesty"),
            ("Use custom base URL", target.base_url),
            ("Model", target.model),
        ),
        steps=(
            "In Cline: Settings (gear), API Configuration, and enter these.",
            "Paste the key into 'API Key'; it stays in VS Code's secret storage.",
        ),
    )


# --- LibreChat --------------------------------------------------------------------------------------------------------
# Certain (its documentation, 2026): endpoints.custom with name, apiKey: '${NAME}', baseURL, models.default (at least
# one), models.fetch, titleConvo, titleModel, modelDisplayLabel; `version` is required. The version written into a new
# file is an old one on purpose: LibreChat tells about newer ones and reads all.

LIBRECHAT_VERSION = "1.2.1"


def _librechat(target: Target, place: Place, held: Any) -> Plan:
    endpoint = ("endpoints", "custom", Item("name", "Requesty"))
    return Plan(
        format="yaml",
        path=place.join(place.folder, "librechat.yaml"),
        settings=(
            Setting(("version",), LIBRECHAT_VERSION, default=True),
            Setting((*endpoint, "apiKey"), f"${{{target.key_env}}}"),
            Setting((*endpoint, "baseURL"), target.base_url),
            Setting((*endpoint, "models", "default"), target.model, member=True),
            Setting((*endpoint, "models", "fetch"), True, default=True),
            Setting((*endpoint, "titleConvo"), True, default=True),
            Setting((*endpoint, "titleModel"), "current_model", default=True),
            Setting((*endpoint, "modelDisplayLabel"), "Requesty", default=True),
        ),
        steps=(
            f"Set {target.key_env} in LibreChat's .env (with Docker it must reach the container), then restart it.",
            "If the file did not exist before, Docker needs it mounted: see LibreChat's docker-compose.override.yml.",
        ),
    )


# --- Open WebUI -------------------------------------------------------------------------------------------------------
# Certain (its environment reference, 2026): OPENAI_API_BASE_URLS and OPENAI_API_KEYS, lists with semicolons, go before
# the singular names; DEFAULT_MODELS; all three are kept in its database after the first start unless
# ENABLE_PERSISTENT_CONFIG is false. ${NAME} in the file is expanded by python-dotenv and Docker Compose, not by
# `docker run --env-file`.


def _openwebui(target: Target, place: Place, held: Any) -> Plan:
    values: Mapping[str, str] = held if isinstance(held, dict) else {}
    key = f"${{{target.key_env}}}"
    urls, keys = _connections(values)
    if not values.get("OPENAI_API_BASE_URLS") and values.get("OPENAI_API_BASE_URL") == target.base_url:
        # The one connection there is leads to the gateway already.
        connection: tuple[Setting, ...] = (Setting(("OPENAI_API_KEY",), key, default=True),)
    else:
        if target.base_url in urls:
            number = urls.index(target.base_url)
            keys[number] = keys[number] or key
        else:
            urls, keys = [*urls, target.base_url], [*keys, key]
        connection = (
            Setting(("OPENAI_API_BASE_URLS",), ";".join(urls)),
            Setting(("OPENAI_API_KEYS",), ";".join(keys)),
        )
    return Plan(
        format="env",
        path=place.join(place.folder, ".env"),
        settings=(
            *connection,
            Setting(("DEFAULT_MODELS",), target.model, default=not target.chosen),
        ),
        steps=(
            f"Set {target.key_env} in the environment, or in the same file above these lines.",
            f'docker run --env-file does not expand ${{...}}: give -e OPENAI_API_KEYS="${target.key_env}" instead.',
            "After its first start Open WebUI reads its database: change Admin Settings, Connections there instead, or "
            "set ENABLE_PERSISTENT_CONFIG=False.",
        ),
    )


def _connections(values: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """URLs and keys that are there already, of equal length. A single key is referred to, never copied."""
    if values.get("OPENAI_API_BASE_URLS"):
        urls = values["OPENAI_API_BASE_URLS"].split(";")
    elif values.get("OPENAI_API_BASE_URL"):
        urls = ["${OPENAI_API_BASE_URL}"]
    else:
        urls = []
    if values.get("OPENAI_API_KEYS"):
        keys = values["OPENAI_API_KEYS"].split(";")
    else:
        keys = ["${OPENAI_API_KEY}"] if values.get("OPENAI_API_KEY") and urls else []
    return urls, (keys + [""] * len(urls))[: len(urls)]


# --- VS Code ----------------------------------------------------------------------------------------------------------
# Certain (its documentation, July 2026, VS Code 1.122 and newer): chatLanguageModels.json in the profile's folder, an
# array of groups; vendor "customendpoint", apiType, models with id, name, full url, toolCalling, vision,
# maxInputTokens, maxOutputTokens; their sum is the window. The key is entered in the editor and kept in secret storage;
# a group without apiKey asks for it there. Other profiles than the default one have a file of their own (--file).

VSCODE_INPUT, VSCODE_OUTPUT = 128_000, 16_000
"""Limits for a model the catalogue does not know; those that VS Code itself proposes."""


def _vscode(target: Target, place: Place, held: Any) -> Plan:
    group = Item("name", "Requesty")
    model = (group, "models", Item("id", target.model))
    most_in, most_out = _limits(target.info)
    settings = (
        Setting((group, "vendor"), "customendpoint"),
        Setting((group, "apiType"), "chat-completions"),
        Setting((*model, "name"), f"{target.model} (Requesty)", default=True),
        Setting((*model, "url"), f"{target.base_url}/chat/completions"),
        Setting((*model, "toolCalling"), _known(target.info, "supports_tool_calling", True), default=True),
        Setting((*model, "vision"), _known(target.info, "supports_vision", False), default=True),
        Setting((*model, "maxInputTokens"), most_in, default=True),
        Setting((*model, "maxOutputTokens"), most_out, default=True),
    )
    return Plan(
        format="json",
        path=place.join(_vscode_folder(place), "Code", "User", "chatLanguageModels.json"),
        settings=settings,
        steps=(
            "In VS Code: Chat: Manage Language Models, right-click 'Requesty', Update API Key, and paste the key; it "
            "stays in VS Code's secret storage.",
            "VS Code Insiders and other profiles have a file of their own: give it with --file.",
        ),
    )


def _known(info: ModelInfo | None, name: str, otherwise: bool) -> bool:
    value = None if info is None else getattr(info, name)
    return otherwise if value is None else bool(value)


def _limits(info: ModelInfo | None) -> tuple[int, int]:
    """Most input and output tokens, which add up to the window."""
    if info is None or info.context_window is None:
        return VSCODE_INPUT, VSCODE_OUTPUT
    most_out = min(info.max_output_tokens or VSCODE_OUTPUT, info.context_window // 2)
    return info.context_window - most_out, most_out


def _vscode_folder(place: Place) -> str:
    if place.platform == "win32":
        return place.environ.get("APPDATA") or place.join(place.home, "AppData", "Roaming")
    if place.platform == "darwin":
        return place.join(place.home, "Library", "Application Support")
    return place.environ.get("XDG_CONFIG_HOME") or place.join(place.home, ".config")


# The two dedicated ids are in the catalogue of July 2025 that ships with the package; `--check` asks the gateway.
APPLICATIONS: Mapping[str, Application] = {
    app.name: app
    for app in (
        Application("roo-code", "Roo Code", "coding/claude-4-sonnet", _roo_code, prefix="coding"),
        Application(
            "cline",
            "Cline",
            "cline/claude-3-7-sonnet",
            _cline,
            prefix="cline",
            by_hand="its settings and its key lie in VS Code's own storage",
        ),
        Application("claude-code", "Claude Code", "anthropic/claude-sonnet-5", claude_code),
        Application("librechat", "LibreChat", "openai/gpt-4o-mini", _librechat),
        Application("openwebui", "Open WebUI", "openai/gpt-4o-mini", _openwebui),
        Application("codex", "Codex", "openai-responses/gpt-5.1", codex),
        Application("qwen-code", "Qwen Code", "anthropic/claude-sonnet-5", qwen_code),
        Application("opencode", "opencode", "anthropic/claude-sonnet-5", opencode),
        Application(
            "cline-cli",
            "Cline CLI",
            "anthropic/claude-sonnet-5",
            cline_cli,
            by_hand="it keeps the key itself, which 'cline auth' gives it",
        ),
        Application("vscode", "VS Code", "anthropic/claude-sonnet-5", _vscode),
    )
}
