"""`configure`: what each application is told, and what becomes of the file it is written to."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.terminal import Run, Terminal
from typer.testing import CliRunner

from requesty_cli.app import ApplicationName, app
from requesty_cli.configure import dotenv, jsonc
from requesty_cli.configure.applications import APPLICATIONS, dedicated_id
from requesty_cli.configure.command import fragment, prepare
from requesty_cli.configure.formats import FormatError
from requesty_cli.configure.plan import Place, Plan, Target
from requesty_cli.configure.settings import ShapeError
from requesty_core.catalog.catalog import Catalog, ModelInfo, bundled
from requesty_core.settings.config import REGIONS
from requesty_emulator import GatewayEmulator

KEY = "rqsty-sk-this-is-the-key-0123456789"
URL = "https://router.eu.requesty.ai/v1"
LOADERS: dict[str, Callable[[str], Any]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
    "env": dotenv.load,
}
WITH_FILE = [name for name, one in APPLICATIONS.items() if one.by_hand is None]
PLACE = Place(home="/home/ada", folder="/project", platform="linux")

# A file of each application as its user may have it: comments, other settings, other providers.
EXISTING = {
    "roo-code": """{
  "providerProfiles": {
    "currentApiConfigName": "default",
    "apiConfigs": {
      "default": { "apiProvider": "anthropic", "apiKey": "sk-other" }
    },
    "modeApiConfigs": { "code": "abc" }
  },
  "globalSettings": { "autoApprovalEnabled": true }
}
""",
    "claude-code": """{
\t// permissions of mine
\t"permissions": { "allow": ["Bash(ls)"] }, // keep
\t"env": {
\t\t"DISABLE_TELEMETRY": "1", /* quiet */
\t\t"ANTHROPIC_MODEL": "claude-opus-4-5",
\t},
}
""",
    "codex": """# my settings
model = "gpt-5.1"   # the usual one
approval_policy = "on-request"

[model_providers.local]  # at home
name = "Local"
base_url = "http://localhost:8080/v1"

[mcp_servers.files]
command = "npx"
""",
    "qwen-code": """{
  // mine
  "privacy": { "usageStatisticsEnabled": false },
  "modelProviders": {
    "openai": [ { "id": "local", "envKey": "LOCAL_KEY",
      "baseUrl": "http://localhost:8080/v1"
    } ],
    "gemini": []
  },
  "model": { "name": "local" },
}
""",
    "opencode": """{
  "$schema": "https://opencode.ai/config.json",
  "theme": "system", // keep
  "small_model": "local/tiny",
  "provider": { "local": { "npm": "@ai-sdk/openai-compatible", "models": { "tiny": {} } } },
}
""",
    "librechat": """# LibreChat
version: 1.2.8
cache: true
endpoints:
  custom:
    # fast
    - name: 'groq'
      apiKey: '${GROQ_API_KEY}'
      baseURL: 'https://api.groq.com/openai/v1/'
      models:
        default: ['llama3-70b-8192']
        fetch: false # by hand
    # - name: 'later'

# Interface
interface:
  privacyPolicy: {externalUrl: 'https://example.org'}
""",
    "openwebui": """# Open WebUI
OPENAI_API_BASE_URL='https://api.openai.com/v1'
export OPENAI_API_KEY=sk-other # mine

WEBUI_SECRET_KEY="abc"
DEFAULT_MODELS=gpt-4o
""",
    "vscode": """[
    {
        "name": "Work", // the office
        "vendor": "customendpoint",
        "apiKey": "${input:chat.lm.secret.1234}",
        "models": []
    } // more to come
]
""",
}

BROKEN = {
    "roo-code": "{",
    "claude-code": '{"env": {',
    "codex": "model = \n",
    "qwen-code": "{]",
    "opencode": '{"provider": [}',
    "librechat": "endpoints:\n  - a\n b: c\n",
    "openwebui": "what is this\n",
    "vscode": "[{]",
}


def target(name: str, model: str | None = None) -> Target:
    model_id = model or APPLICATIONS[name].model
    return Target(URL, model_id, chosen=model is not None, info=bundled().lookup(model_id))


def plan(name: str, held: Any = None, place: Place = PLACE, **changes: Any) -> Plan:
    return APPLICATIONS[name].plan(
        Target(**{"base_url": URL, "model": APPLICATIONS[name].model, **changes}), place, held
    )


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["configure", *arguments])


# --- what is printed --------------------------------------------------------------------------------------------------


def test_the_command_line_knows_every_application() -> None:
    assert [one.value for one in ApplicationName] == list(APPLICATIONS)


@pytest.mark.parametrize("name", WITH_FILE)
def test_what_is_printed_is_a_file_of_the_application(name: str) -> None:
    one = plan(name)
    text = fragment(one)
    held = LOADERS[one.format or ""](text)
    assert held
    assert APPLICATIONS[name].model in text
    assert URL.removesuffix("/v1") in text


def test_claude_code() -> None:
    assert json.loads(fragment(plan("claude-code"))) == {
        "apiKeyHelper": "printenv REQUESTY_API_KEY",
        "env": {
            # The client appends /v1/messages.
            "ANTHROPIC_BASE_URL": "https://router.eu.requesty.ai",
            "ANTHROPIC_MODEL": "anthropic/claude-sonnet-5",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "anthropic/claude-haiku-4-5",
        },
    }
    other = json.loads(fragment(plan("claude-code", model="openai/gpt-5.1")))["env"]
    assert other["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "openai/gpt-5.1"


def test_codex() -> None:
    assert tomllib.loads(fragment(plan("codex", key_env="MY_KEY"))) == {
        "model": "openai-responses/gpt-5.1",
        "model_provider": "requesty",
        "model_providers": {
            "requesty": {"name": "Requesty", "base_url": URL, "env_key": "MY_KEY", "wire_api": "responses"}
        },
    }


def test_librechat() -> None:
    [endpoint] = yaml.safe_load(fragment(plan("librechat")))["endpoints"]["custom"]
    assert (endpoint["name"], endpoint["apiKey"], endpoint["baseURL"]) == ("Requesty", "${REQUESTY_API_KEY}", URL)
    assert endpoint["models"] == {"default": ["openai/gpt-4o-mini"], "fetch": True}


def test_openwebui() -> None:
    assert dotenv.load(fragment(plan("openwebui"))) == {
        "OPENAI_API_BASE_URLS": URL,
        "OPENAI_API_KEYS": "${REQUESTY_API_KEY}",
        "DEFAULT_MODELS": "openai/gpt-4o-mini",
    }


def test_vscode_gets_limits_that_add_up_to_the_window() -> None:
    info = ModelInfo("a/b", context_window=200_000, max_output_tokens=64_000, supports_vision=True)
    [group] = json.loads(fragment(plan("vscode", model="a/b", info=info)))
    [model] = group["models"]
    assert (group["vendor"], group["apiType"], "apiKey" in group) == ("customendpoint", "chat-completions", False)
    assert model["url"] == f"{URL}/chat/completions"
    assert (model["maxInputTokens"], model["maxOutputTokens"], model["vision"]) == (136_000, 64_000, True)
    # A catalogue without a limit, or with one as large as the window, leaves room for the prompt.
    for most in (None, 200_000):
        info = ModelInfo("a/b", context_window=20_000, max_output_tokens=most)
        [model] = json.loads(fragment(plan("vscode", model="a/b", info=info)))[0]["models"]
        assert (model["maxInputTokens"], model["maxOutputTokens"]) == (10_000, 10_000)


def test_roo_code_and_cline_get_the_ids_made_for_them() -> None:
    profiles = json.loads(fragment(plan("roo-code")))["providerProfiles"]
    profile = profiles["apiConfigs"][profiles["currentApiConfigName"]]
    assert (profile["apiProvider"], profile["requestyBaseUrl"]) == ("requesty", URL)
    assert profile["requestyModelId"].startswith("coding/")
    assert dict(plan("cline").fields)["Model"].startswith("cline/")
    for name in ("roo-code", "cline"):
        assert APPLICATIONS[name].model in bundled()


def test_agents_name_the_variable_and_keep_other_providers() -> None:
    qwen = jsonc.load(prepare(APPLICATIONS["qwen-code"], target("qwen-code"), PLACE, EXISTING["qwen-code"]).text)
    local, ours = qwen["modelProviders"]["openai"]
    assert (local["id"], ours["baseUrl"], ours["envKey"]) == ("local", URL, "REQUESTY_API_KEY")
    assert (qwen["model"]["name"], qwen["security"]["auth"]["selectedType"]) == (ours["id"], "openai")
    done = jsonc.load(prepare(APPLICATIONS["opencode"], target("opencode"), PLACE, EXISTING["opencode"]).text)
    assert (done["small_model"], done["model"]) == ("local/tiny", f"requesty/{APPLICATIONS['opencode'].model}")
    assert done["provider"]["requesty"]["options"] == {"baseURL": URL, "apiKey": "{env:REQUESTY_API_KEY}"}
    assert list(done["provider"]) == ["local", "requesty"]


def test_clines_command_is_one_for_a_shell() -> None:
    command = dict(plan("cline-cli", model="policy/my own", key_env="MY_KEY").fields)["Command"]
    assert shlex.split(command) == [
        *("cline", "auth", "--provider", "openai-compatible", "--baseurl", URL),
        *("--modelid", "policy/my own", "--apikey", "$MY_KEY"),
    ]


def test_a_dedicated_id_is_offered_where_the_gateway_has_one() -> None:
    catalog = Catalog([ModelInfo("coding/claude-x"), ModelInfo("anthropic/claude-x")])
    assert dedicated_id("anthropic/claude-x", "coding", catalog) == "coding/claude-x"
    assert dedicated_id("coding/claude-x", "coding", catalog) is None
    assert dedicated_id("anthropic/claude-y", "coding", catalog) is None


@pytest.mark.parametrize(
    ("name", "platform", "environ", "path"),
    [
        ("vscode", "linux", {}, "/home/ada/.config/Code/User/chatLanguageModels.json"),
        ("vscode", "linux", {"XDG_CONFIG_HOME": "/cfg"}, "/cfg/Code/User/chatLanguageModels.json"),
        ("vscode", "darwin", {}, "/home/ada/Library/Application Support/Code/User/chatLanguageModels.json"),
        ("vscode", "win32", {"APPDATA": "C:\\Roaming"}, "C:\\Roaming\\Code\\User\\chatLanguageModels.json"),
        ("claude-code", "linux", {}, "/home/ada/.claude/settings.json"),
        ("claude-code", "linux", {"CLAUDE_CONFIG_DIR": "/c"}, "/c/settings.json"),
        ("codex", "linux", {}, "/home/ada/.codex/config.toml"),
        ("codex", "linux", {"CODEX_HOME": "/c"}, "/c/config.toml"),
        ("qwen-code", "linux", {}, "/home/ada/.qwen/settings.json"),
        ("qwen-code", "linux", {"QWEN_HOME": "/q"}, "/q/settings.json"),
        ("opencode", "linux", {}, "/home/ada/.config/opencode/opencode.json"),
        ("opencode", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/opencode/opencode.json"),
        ("opencode", "linux", {"OPENCODE_CONFIG_DIR": "/o"}, "/o/opencode.json"),
        ("opencode", "linux", {"OPENCODE_CONFIG": "/o.json"}, "/o.json"),
        ("librechat", "linux", {}, "/project/librechat.yaml"),
        ("openwebui", "linux", {}, "/project/.env"),
    ],
)
def test_where_the_file_is(name: str, platform: str, environ: dict[str, str], path: str) -> None:
    assert plan(name, place=Place("/home/ada", "/project", platform, environ)).path == path


# --- what becomes of a file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_FILE)
def test_a_merge_keeps_comments_and_everything_else(name: str) -> None:
    before = EXISTING[name]
    done = prepare(APPLICATIONS[name], target(name), PLACE, before)
    assert done.is_changed
    for comment in re.findall(r"(?:#|//|/\*)(?!/).*", before):
        assert comment.strip() in done.text
    # Every line is there, in order; only values that were set and a comma may differ.
    changed = {str(line) for line in before.splitlines()} - set(done.text.splitlines())
    assert len(changed) <= 2, changed
    form = APPLICATIONS[name].plan(target(name), PLACE, None).format
    load = jsonc.load if form == "json" else LOADERS[form or ""]
    old, new = load(before), load(done.text)
    assert _is_within(_without_ours(name, old), new), "something that was there is gone"
    again = prepare(APPLICATIONS[name], target(name), PLACE, done.text)
    assert (again.is_changed, again.text) == (False, done.text)


def _without_ours(name: str, held: Any) -> Any:
    """The data without what the application's settings replace."""
    if name == "claude-code":
        return {**held, "env": {k: v for k, v in held["env"].items() if k != "ANTHROPIC_MODEL"}}
    if name in ("codex", "qwen-code"):
        return {k: v for k, v in held.items() if k != "model"}
    if name == "roo-code":
        return {**held, "providerProfiles": {k: v for k, v in held["providerProfiles"].items() if "current" not in k}}
    return held


def _is_within(old: Any, new: Any) -> bool:
    """Whether ``new`` holds all of ``old``: mappings by key, lists as their beginning."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(k in new and _is_within(v, new[k]) for k, v in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and all(_is_within(a, b) for a, b in zip(old, new, strict=False))
    return bool(old == new)


def test_what_was_replaced_is_named_but_not_told() -> None:
    done = prepare(APPLICATIONS["codex"], target("codex"), PLACE, EXISTING["codex"])
    assert done.replaced == ("model",)
    done = prepare(APPLICATIONS["claude-code"], target("claude-code"), PLACE, '{"apiKeyHelper": "echo sk-secret"}')
    assert done.replaced == ("apiKeyHelper",)


def test_a_key_in_claude_code_that_goes_first_is_warned_of() -> None:
    held = '{"env": {"ANTHROPIC_AUTH_TOKEN": "sk-secret"}}'
    [warning] = prepare(APPLICATIONS["claude-code"], target("claude-code"), PLACE, held).plan.warnings
    assert "ANTHROPIC_AUTH_TOKEN" in warning
    assert "sk-secret" not in warning


def test_another_connection_of_openwebui_stays_and_its_key_is_not_copied() -> None:
    done = prepare(APPLICATIONS["openwebui"], target("openwebui"), PLACE, EXISTING["openwebui"])
    held = dotenv.load(done.text)
    assert held is not None
    assert held["OPENAI_API_BASE_URLS"] == f"${{OPENAI_API_BASE_URL}};{URL}"
    assert held["OPENAI_API_KEYS"] == "${OPENAI_API_KEY};${REQUESTY_API_KEY}"
    assert done.text.count("sk-other") == 1
    assert held["DEFAULT_MODELS"] == "gpt-4o"
    asked = prepare(APPLICATIONS["openwebui"], target("openwebui", "openai/gpt-5.1"), PLACE, done.text)
    assert dotenv.load(asked.text) == {**held, "DEFAULT_MODELS": "openai/gpt-5.1"}
    lists = "OPENAI_API_BASE_URLS=http://a;http://b\nOPENAI_API_KEYS=one\n"
    held = dotenv.load(prepare(APPLICATIONS["openwebui"], target("openwebui"), PLACE, lists).text)
    assert held is not None
    assert held["OPENAI_API_KEYS"] == "one;;${REQUESTY_API_KEY}"
    single = f"OPENAI_API_BASE_URL={URL}\nOPENAI_API_KEY=one\nDEFAULT_MODELS=x\n"
    assert not prepare(APPLICATIONS["openwebui"], target("openwebui"), PLACE, single).is_changed


def test_what_the_user_changed_in_our_entry_stays() -> None:
    text = prepare(APPLICATIONS["vscode"], target("vscode"), PLACE, EXISTING["vscode"]).text
    mine = text.replace('"maxInputTokens": 128000', '"maxInputTokens": 180000').replace(
        '"vendor": "customendpoint",\n        "apiType"',
        '"vendor": "customendpoint",\n        "apiKey": "${input:chat.lm.secret.99}",\n        "apiType"',
    )
    assert mine.count("${input:chat.lm.secret.99}") == 1
    assert not prepare(APPLICATIONS["vscode"], target("vscode"), PLACE, mine).is_changed
    other = jsonc.load(prepare(APPLICATIONS["vscode"], target("vscode", "openai/gpt-5.1"), PLACE, mine).text)
    assert [m["id"] for m in other[1]["models"]] == ["anthropic/claude-sonnet-5", "openai/gpt-5.1"]


def test_a_second_model_of_librechat_is_added_to_the_first() -> None:
    text = prepare(APPLICATIONS["librechat"], target("librechat"), PLACE, EXISTING["librechat"]).text
    done = prepare(APPLICATIONS["librechat"], target("librechat", "openai/gpt-5.1"), PLACE, text)
    held = yaml.safe_load(done.text)
    assert held["endpoints"]["custom"][1]["models"]["default"] == ["openai/gpt-4o-mini", "openai/gpt-5.1"]
    assert done.replaced == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("claude-code", '{"env": "none"}'),
        ("claude-code", "[]"),
        ("vscode", "{}"),
        ("codex", 'model_providers = "x"'),
        ("librechat", "endpoints: [1, 2]"),
        ("librechat", "endpoints:\n  custom: 5"),
    ],
)
def test_a_file_of_another_shape_is_refused(name: str, text: str) -> None:
    with pytest.raises(ShapeError):
        prepare(APPLICATIONS[name], target(name), PLACE, text)


def test_a_layout_that_cannot_be_extended_alone_is_refused() -> None:
    # Both names stand for the same text: changing one would change the other.
    text = "endpoints:\n  custom: &shared\n    - name: Requesty\n      baseURL: http://old\nother: *shared\n"
    with pytest.raises(FormatError, match="without touching other settings"):
        prepare(APPLICATIONS["librechat"], target("librechat"), PLACE, text)


@pytest.mark.parametrize("name", ["claude-code", "codex", "librechat", "openwebui"])
def test_windows_line_ends_stay(name: str) -> None:
    done = prepare(APPLICATIONS[name], target(name), PLACE, EXISTING[name].replace("\n", "\r\n"))
    assert "\n" not in done.text.replace("\r\n", "")
    assert done.text.count("\r\n") > EXISTING[name].count("\n")


# --- writing ----------------------------------------------------------------------------------------------------------


def settings_file(name: str, home: Path) -> Path:
    return Path(plan(name, place=Place(str(home), str(home), "linux")).path or "")


@pytest.fixture(autouse=True)
def _linux_with_a_key(home: Path, no_gateway: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("REQUESTY_API_KEY", KEY)


@pytest.mark.parametrize("name", WITH_FILE)
def test_write_makes_the_file_then_changes_nothing(name: str, home: Path) -> None:
    path = settings_file(name, home)
    first = invoke(name, "--write", "--region", "eu")
    assert first.exit_code == 0, first.output
    known = bundled().lookup(APPLICATIONS[name].model)
    assert path.read_text().rstrip("\n") == fragment(plan(name, info=known)).rstrip("\n")
    again = invoke(name, "--write", "--region", "eu")
    assert again.exit_code == 0
    assert "already says this" in again.stdout
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", WITH_FILE)
def test_write_merges_and_backs_up(name: str, home: Path) -> None:
    path = settings_file(name, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(EXISTING[name])
    path.chmod(0o640)
    done = invoke(name, "--write", "--region", "eu")
    assert done.exit_code == 0, done.output
    assert path.read_text() == prepare(APPLICATIONS[name], target(name), PLACE, EXISTING[name]).text
    [backup] = [p for p in path.parent.iterdir() if p != path]
    assert re.fullmatch(re.escape(path.name) + r"\.\d{8}T\d{6}Z\.bak", backup.name)
    assert backup.read_text() == EXISTING[name]
    assert {stat.S_IMODE(p.stat().st_mode) for p in (path, backup)} == {0o640}
    assert backup.name in done.stdout
    assert invoke(name, "--write", "--region", "eu").exit_code == 0
    assert len(list(path.parent.iterdir())) == 2
    # Back to another region: one more backup, even in the same second.
    assert invoke(name, "--write", "--region", "us").exit_code == 0
    assert len(list(path.parent.iterdir())) == 3


@pytest.mark.parametrize("name", WITH_FILE)
def test_a_broken_file_is_left_alone(name: str, home: Path) -> None:
    path = settings_file(name, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(BROKEN[name])
    done = invoke(name, "--write")
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert path.name in done.stderr
    assert re.search(r"is no valid .+ \(.*line \d", done.stderr)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert path.read_text() == BROKEN[name]


def test_a_link_stays_a_link(home: Path) -> None:
    real = home / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text(EXISTING["claude-code"])
    link = home / ".claude" / "settings.json"
    link.parent.mkdir()
    link.symlink_to(real)
    assert invoke("claude-code", "--write").exit_code == 0
    assert link.is_symlink()
    assert "apiKeyHelper" in real.read_text()
    assert [p.name for p in link.parent.iterdir()] == ["settings.json"]
    assert len(list(real.parent.iterdir())) == 2


def test_a_write_that_fails_leaves_everything_as_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "config.toml"
    path.write_text(EXISTING["codex"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    done = invoke("codex", "--write", "--file", str(path))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot be written (No space left on device)" in done.stderr
    assert path.read_text() == EXISTING["codex"]
    assert [p.name for p in home.iterdir() if p.suffix == ".tmp"] == []


def test_a_path_that_leads_nowhere_fails_in_one_line(home: Path) -> None:
    (home / "file").write_text("")
    for path in (home / "file" / "config.toml", home):
        done = invoke("codex", "--write", "--file", str(path))
        assert done.exit_code in (1, 2)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("content", "told"), [(b"\xff\xfe\x00", "UTF-8"), (b"model = 1\xff", "UTF-8")])
def test_what_is_no_text_is_left_alone(content: bytes, told: str, home: Path) -> None:
    path = home / "config.toml"
    path.write_bytes(content)
    done = invoke("codex", "--write", "--file", str(path))
    assert done.exit_code == 2
    assert told in done.stderr
    assert path.read_bytes() == content


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    done = invoke("codex")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.strip() == (
        "requesty-adapters: tomlkit is not installed; run: pip install 'requesty-adapters[cli]'"
    )
    assert invoke("claude-code").exit_code == 0


@pytest.mark.parametrize("name", list(APPLICATIONS))
def test_the_key_is_nowhere(name: str, home: Path) -> None:
    for extra in ((), ("--json",), ("--write",), ("--write", "--json")):
        done = invoke(name, *extra)
        assert KEY not in done.output
    for path in home.rglob("*"):
        assert path.is_dir() or KEY not in path.read_text()


def test_json_tells_what_was_done(home: Path) -> None:
    path = home / "config.toml"
    path.write_text('model = "mine"\n')
    printed = json.loads(invoke("codex", "--json", "--file", str(path)).stdout)
    assert (printed["file"], printed["format"]) == (str(path), "toml")
    assert tomllib.loads(printed["text"]) == printed["settings"]
    written = json.loads(invoke("codex", "--write", "--json", "--file", str(path)).stdout)
    assert (written["changed"], written["replaced"]) == (True, ["model"])
    assert Path(written["backup"]).read_text() == 'model = "mine"\n'
    fields = json.loads(invoke("cline", "--json").stdout)
    assert fields["settings"]["API Provider"] == "Requesty"


def test_check_asks_the_gateway_for_the_model(gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
    for name in APPLICATIONS:
        assert invoke(name, "--check").exit_code == 0, name
    done = invoke("roo-code", "--check", "--model", "coding/no-such")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "coding/claude-4-sonnet" in done.stderr
    # The gateway's own limits go into the settings.
    [group] = json.loads(invoke("vscode", "--check").stdout)
    assert group["models"][0]["maxInputTokens"] + group["models"][0]["maxOutputTokens"] == 1_000_000


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_of_the_core_is_an_option(region: str) -> None:
    assert REGIONS[region] in invoke("librechat", "--region", region).stdout


# --- in a terminal and in a pipe --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(APPLICATIONS))
def test_configure_in_a_terminal(name: str, terminal: type[Terminal]) -> None:
    shown = terminal("configure", name)
    assert shown.finish() == 0
    assert "https://router.requesty.ai" in shown.text
    assert KEY not in shown.text
    if APPLICATIONS[name].by_hand is None:
        assert "nothing is written without --write" in shown.text


def test_in_a_pipe_standard_output_is_the_file(run: Run, home: Path) -> None:
    done = run("configure", "codex")
    assert done.stdout == fragment(
        APPLICATIONS["codex"].plan(Target(REGIONS["global"], "openai-responses/gpt-5.1"), PLACE, None)
    )
    assert "~/.codex/config.toml" in done.stderr
    assert list(home.iterdir()) == []
