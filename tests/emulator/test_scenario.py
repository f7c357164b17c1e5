from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from requesty_emulator import ConfigError, GatewayEmulator, load_scenario

from .wire import CHAT, ask

TOML = """
api_key = "scenario-key"

[switches]
prefixed_model = true

[[keys]]
name = "narrow"
secret = "narrow-key"
models = ["openai/gpt-4o"]
monthly_limit = "5"
expires_at = 2999-01-01T00:00:00Z

[policies.safe]
models = ["openai/gpt-4o", "openai/gpt-4o-mini"]
retries = 1

[[faults]]
model = "openai/gpt-4o"
status = 503
times = 4

[[answers]]
text = "first answer"
"""


@pytest.mark.parametrize("suffix", ["toml", "json", "mapping"])
def test_a_scenario_sets_the_stage(tmp_path: Path, suffix: str) -> None:
    data = load_toml() if suffix != "toml" else None
    source: object = data
    if suffix != "mapping":
        path = tmp_path / f"scene.{suffix}"
        path.write_text(TOML if suffix == "toml" else json.dumps(data, default=str))
        source = path
    with GatewayEmulator(scenario=source) as gw:
        assert gw.api_key == "scenario-key"

        def post(model: str, key: str = gw.api_key) -> httpx.Response:
            return httpx.post(
                gw.management_url + CHAT, json=ask(model=model), headers={"authorization": f"Bearer {key}"}
            )

        body = post("policy/safe").json()
        assert body["model"] == "openai/gpt-4o-mini"
        assert body["choices"][0]["message"]["content"] == "first answer"
        assert post("openai/gpt-4o-mini", "narrow-key").status_code == 403
        gw.clear()
        assert post("openai/gpt-4o").status_code == 200
        gw.reset()
        assert post("openai/gpt-4o").status_code == 503


def load_toml() -> dict:
    import tomllib

    return tomllib.loads(TOML)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"falts": []}, "unknown entry 'falts'"),
        ({"faults": [{"stauts": 500}]}, "unknown fault field 'stauts'; did you mean 'status'"),
        ({"faults": {}}, "faults must be a list"),
        ({"switches": {"strictfields": True}}, "unknown switch 'strictfields'; did you mean 'strict_fields'"),
        ({"switches": {"chunk_delay": "fast"}}, "switch 'chunk_delay' must be a non-negative number"),
        ({"policies": {"p": {"models": []}}}, "policies.p: a policy needs at least one model"),
        ({"policies": {"p": {"models": "openai/gpt-4o"}}}, "policies.p.models must be a list"),
        ({"policies": {"p": {"models": ["a"], "weights": {"a": "x"}}}}, "policies.p"),
        ({"keys": [{"expires_at": "soon"}]}, r"keys\[0\].expires_at"),
        ({"answers": [{"txt": "x"}]}, r"answers\[0\]: unknown entry 'txt'"),
        ({"api_key": 1}, "api_key must be a string"),
    ],
)
def test_mistakes_are_named_in_one_line(data: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        GatewayEmulator(scenario=data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{"), ("a.toml", "= 1"), ("a.json", "[]"), ("a.json", '{"x": 1}')]
)
def test_bad_files_are_named_in_one_line(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_scenario(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json"):
        load_scenario(tmp_path / "absent.json")
