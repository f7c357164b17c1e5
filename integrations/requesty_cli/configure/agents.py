"""What coding agents of the terminal want to be told. Pure; ``make agents`` runs each of them on what is written here.

Facts are those of the releases that docs/applications.md names, each as it ran against the emulator, beside what its
documentation says.
"""

from __future__ import annotations

import shlex
from typing import Any

from .plan import Place, Plan, Target
from .settings import Item, Setting

__all__ = ["claude_code", "cline_cli", "codex", "opencode", "qwen_code"]


def _export(target: Target) -> str:
    return f"Set {target.key_env} in the environment it starts from."


# --- Claude Code ------------------------------------------------------------------------------------------------------
# Certain (its settings and gateway documentation, 2026): env, apiKeyHelper (a shell command whose output is sent as
# bearer token and as x-api-key; the gateway takes either), ANTHROPIC_BASE_URL without /v1, ANTHROPIC_MODEL,
# ANTHROPIC_DEFAULT_HAIKU_MODEL for background work, CLAUDE_CONFIG_DIR. ANTHROPIC_AUTH_TOKEN and ANTHROPIC_API_KEY go
# before apiKeyHelper.

CLAUDE_SMALL_MODEL = "anthropic/claude-haiku-4-5"


def claude_code(target: Target, place: Place, held: Any) -> Plan:
    """Claude Code's ``settings.json``."""
    folder = place.environ.get("CLAUDE_CONFIG_DIR") or place.join(place.home, ".claude")
    # Background work goes to a small model of the same maker; of others none is known to be small.
    small = CLAUDE_SMALL_MODEL if target.model.startswith("anthropic/") else target.model
    env = held.get("env") if isinstance(held, dict) else None
    stronger = [n for n in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY") if isinstance(env, dict) and env.get(n)]
    return Plan(
        format="json",
        path=place.join(folder, "settings.json"),
        settings=(
            Setting(("apiKeyHelper",), f"printenv {target.key_env}"),
            Setting(("env", "ANTHROPIC_BASE_URL"), target.root),
            Setting(("env", "ANTHROPIC_MODEL"), target.model),
            Setting(("env", "ANTHROPIC_DEFAULT_HAIKU_MODEL"), small),
        ),
        steps=(
            _export(target),
            "Unset ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN there: they go before apiKeyHelper.",
            "/status in Claude Code shows the base URL in use.",
        ),
        warnings=tuple(f"env.{name} in the file goes before apiKeyHelper; remove it" for name in stronger),
    )


# --- Codex ------------------------------------------------------------------------------------------------------------
# Certain (its configuration reference, 2026): model, model_provider, [model_providers.ID] with name, base_url, env_key,
# wire_api; "responses" is the only wire_api that recent releases accept; CODEX_HOME. A provider in a project's own
# .codex/config.toml is ignored.


def codex(target: Target, place: Place, held: Any) -> Plan:
    """Codex' ``config.toml``."""
    folder = place.environ.get("CODEX_HOME") or place.join(place.home, ".codex")
    provider = ("model_providers", "requesty")
    return Plan(
        format="toml",
        path=place.join(folder, "config.toml"),
        settings=(
            Setting(("model",), target.model),
            Setting(("model_provider",), "requesty"),
            Setting((*provider, "name"), "Requesty"),
            Setting((*provider, "base_url"), target.base_url),
            Setting((*provider, "env_key"), target.key_env),
            Setting((*provider, "wire_api"), "responses"),
        ),
        steps=(_export(target), "Codex reads the file when it starts."),
    )


# --- Qwen Code --------------------------------------------------------------------------------------------------------
# Certain (the documentation in its package, 0.24): modelProviders.openai, an array of {id, name, baseUrl, envKey};
# security.auth.selectedType "openai"; model.name; QWEN_HOME. envKey names the variable that holds the key.


def qwen_code(target: Target, place: Place, held: Any) -> Plan:
    """Qwen Code's ``settings.json``."""
    folder = place.environ.get("QWEN_HOME") or place.join(place.home, ".qwen")
    model = ("modelProviders", "openai", Item("id", target.model))
    return Plan(
        format="json",
        path=place.join(folder, "settings.json"),
        settings=(
            Setting((*model, "name"), f"{target.model} (Requesty)", default=True),
            Setting((*model, "envKey"), target.key_env),
            Setting((*model, "baseUrl"), target.base_url),
            Setting(("security", "auth", "selectedType"), "openai"),
            Setting(("model", "name"), target.model),
        ),
        steps=(_export(target), "/model in Qwen Code shows the model in use."),
    )


# --- opencode ---------------------------------------------------------------------------------------------------------
# Certain (its schema and a run, 1.18): provider.ID with npm, name, options.baseURL and options.apiKey, where {env:NAME}
# is replaced; models by id; model and small_model as PROVIDER/MODEL. Its own list has a provider "requesty" too, whose
# small model it uses for titles unless small_model says otherwise.


def opencode(target: Target, place: Place, held: Any) -> Plan:
    """opencode's ``opencode.json``."""
    folder = place.environ.get("OPENCODE_CONFIG_DIR") or place.join(
        place.environ.get("XDG_CONFIG_HOME") or place.join(place.home, ".config"), "opencode"
    )
    provider = ("provider", "requesty")
    return Plan(
        format="json",
        path=place.environ.get("OPENCODE_CONFIG") or place.join(folder, "opencode.json"),
        settings=(
            Setting(("$schema",), "https://opencode.ai/config.json", default=True),
            Setting(("model",), f"requesty/{target.model}"),
            Setting(("small_model",), f"requesty/{target.model}", default=True),
            Setting((*provider, "npm"), "@ai-sdk/openai-compatible"),
            Setting((*provider, "name"), "Requesty", default=True),
            Setting((*provider, "options", "baseURL"), target.base_url),
            Setting((*provider, "options", "apiKey"), f"{{env:{target.key_env}}}"),
            Setting((*provider, "models", target.model, "name"), target.model, default=True),
        ),
        steps=(
            _export(target),
            "small_model writes titles and summaries: name a cheaper one there, as requesty/ID.",
            "If you keep an opencode.jsonc instead, give it with --file.",
        ),
    )


# --- Cline CLI --------------------------------------------------------------------------------------------------------
# Certain (its help and a run, 3.0): `cline auth` with --provider, --modelid, --baseurl, --apikey; a base URL only for
# OpenAI-compatible providers; all of it, the key too, goes into ~/.cline/data/settings/providers.json.


def cline_cli(target: Target, place: Place, held: Any) -> Plan:
    """The command that sets up Cline in the terminal."""
    words = ("cline", "auth", "--provider", "openai-compatible", "--baseurl", target.base_url)
    command = f'{shlex.join((*words, "--modelid", target.model))} --apikey "${target.key_env}"'
    return Plan(
        fields=(("Command", command),),
        steps=(
            f"Run it in a shell in which {target.key_env} is set; in PowerShell write $env:{target.key_env} instead.",
            "Cline keeps the key in ~/.cline/data/settings/providers.json, for anyone to read who may read that file.",
        ),
    )
