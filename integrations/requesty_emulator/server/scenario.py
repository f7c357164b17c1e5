"""Scenario files: keys, models, policies, faults, answers and switches in JSON or TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from requesty_emulator.errors import ConfigError
from requesty_emulator.gateway.faults import make_fault
from requesty_emulator.gateway.policy import Policy
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.models.added import make_model

_SECTIONS = ("api_key", "switches", "keys", "models", "policies", "faults", "answers")
_RULE = ("model", "nth", "key", "path", "times")
_KEY = ("name", "secret", "monthly_limit", "permissions", "labels", "expires_at", "models")
_ANSWER_FIELDS = (
    "text reasoning signature tool_calls finish_reason chunks pieces body refusal images annotations served_model "
    "usage headers model path offers times"
)
_ANSWER = tuple(_ANSWER_FIELDS.split())


@dataclass(slots=True)
class Scenario:
    """A checked scenario."""

    api_key: str | None = None
    switches: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=list)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)


def load_scenario(source: str | Path | Mapping[str, Any]) -> Scenario:
    """Read and check a scenario; raises :class:`ConfigError` with one line that names the file and the entry."""
    if isinstance(source, Mapping):
        return _check(dict(source), "scenario")
    path = Path(source)
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"scenario {path}: {exc.strerror or exc}") from exc
    try:
        data = tomllib.loads(raw.decode()) if path.suffix == ".toml" else msgspec.json.decode(raw)
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise ConfigError(f"scenario {path}: not valid {kind}: {' '.join(str(exc).split())}") from exc
    if not isinstance(data, dict):
        raise ConfigError(f"scenario {path}: must be an object with {', '.join(_SECTIONS)}")
    return _check(data, f"scenario {path}")


def _check(data: dict[str, Any], where: str) -> Scenario:
    _known(data, _SECTIONS, where)
    scenario = Scenario()
    try:
        if data.get("api_key") is not None:
            scenario.api_key = _typed(data["api_key"], str, "api_key")
        scenario.switches = dict(_typed(data.get("switches", {}), dict, "switches"))
        Settings.from_switches(scenario.switches)
        for index, item in enumerate(_typed(data.get("keys", []), list, "keys")):
            key = dict(_typed(item, dict, f"keys[{index}]"))
            _known(key, _KEY, f"keys[{index}]")
            scenario.keys.append(_key(key, f"keys[{index}]"))
        for name, item in _typed(data.get("models", {}), dict, "models").items():
            facts = dict(_typed(item, dict, f"models.{name}"))
            plain = {key: value for key, value in facts.items() if key not in ("like", "rules")}
            make_model(name, facts.get("like"), facts.get("rules"), plain)
            scenario.models[name] = facts
        for name, item in _typed(data.get("policies", {}), dict, "policies").items():
            scenario.policies[name] = _policy(item, f"policies.{name}")
        for index, item in enumerate(_typed(data.get("faults", []), list, "faults")):
            options = dict(_typed(item, dict, f"faults[{index}]"))
            make_fault({name: value for name, value in options.items() if name not in _RULE})
            scenario.faults.append(options)
        for index, item in enumerate(_typed(data.get("answers", []), list, "answers")):
            answer = dict(_typed(item, dict, f"answers[{index}]"))
            _known(answer, _ANSWER, f"answers[{index}]")
            scenario.answers.append(answer)
    except ConfigError as exc:
        text = str(exc)
        raise ConfigError(text if text.startswith(where) else f"{where}: {text}") from exc
    return scenario


def _key(key: dict[str, Any], where: str) -> dict[str, Any]:
    key.setdefault("name", "scenario")
    expires = key.get("expires_at")
    if isinstance(expires, str):
        try:
            key["expires_at"] = datetime.fromisoformat(expires)
        except ValueError as exc:
            raise ConfigError(f"{where}.expires_at must be an RFC 3339 time, not {expires!r}") from exc
    if isinstance(key.get("expires_at"), datetime) and key["expires_at"].tzinfo is None:
        raise ConfigError(f"{where}.expires_at needs a time zone")
    return key


def _policy(item: object, where: str) -> Policy:
    options = {"models": item} if isinstance(item, list) else dict(_typed(item, dict, where))
    _known(options, ("models", "kind", "retries", "weights", "latency"), where)
    models = _typed(options.get("models"), list, f"{where}.models")
    if not all(isinstance(model, str) for model in models):
        raise ConfigError(f"{where}.models must be a list of model ids")
    try:
        return Policy(**options)
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}") from exc
    except TypeError as exc:
        raise ConfigError(f"{where}: retries, weights and latency must be numbers") from exc


def _known(data: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in data:
        if name not in names:
            raise ConfigError(f"{where}: unknown entry {name!r}; known: {', '.join(names)}")


def _typed(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        word = {"dict": "an object", "list": "a list"}.get(kind.__name__, "a string")
        raise ConfigError(f"{where} must be {word}")
    return value
