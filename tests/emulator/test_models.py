from __future__ import annotations

import httpx

from requesty_emulator import GatewayEmulator, Policy

from .wire import MODEL


def ids(response: httpx.Response) -> set[str]:
    assert response.status_code == 200
    assert response.json()["object"] == "list"
    return {entry["id"] for entry in response.json()["data"]}


def test_the_public_catalogue_needs_no_key(gw: GatewayEmulator) -> None:
    response = httpx.get(gw.base_url + "/models")
    assert len(ids(response)) > 339
    entry = next(item for item in response.json()["data"] if item["id"] == "anthropic/claude-sonnet-4-5")
    assert entry["object"] == "model"
    assert entry["api"] == "chat"
    assert (entry["input_price"], entry["output_price"]) == (3e-6, 1.5e-5)
    assert (entry["caching_price"], entry["cached_price"]) == (3.75e-6, 3e-7)
    assert entry["supports_reasoning"] is True
    assert "name" not in entry


def test_a_key_adds_its_policies(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.policies["mine"] = Policy(models=[MODEL])
    assert "policy/mine" in ids(http.get("/v1/models"))
    assert "policy/mine" not in ids(httpx.get(gw.base_url + "/models"))


def test_a_key_with_approved_models_sees_only_those(gw: GatewayEmulator) -> None:
    gw.policies["mine"] = Policy(models=[MODEL])
    key = gw.add_key("narrow", models=[MODEL, "policy/mine"])
    headers = {"authorization": f"Bearer {key.secret}"}
    assert ids(httpx.get(gw.base_url + "/models", headers=headers)) == {MODEL, "policy/mine"}


def test_an_unknown_key_gets_the_public_list_or_403(gw: GatewayEmulator) -> None:
    headers = {"authorization": "Bearer wrong"}
    assert len(ids(httpx.get(gw.base_url + "/models", headers=headers))) > 339
    gw.settings.models_need_valid_key = True
    assert httpx.get(gw.base_url + "/models", headers=headers).status_code == 403


def test_managed_ids_are_bare(gw: GatewayEmulator) -> None:
    found = ids(httpx.get(gw.base_url + "/models/managed"))
    assert {"claude-sonnet-4-5", "gpt-5-mini@eu"} <= found
    assert not any("/" in name for name in found)


def test_the_list_can_fail(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fail_next(404, path="/models/managed")
    assert http.get("/v1/models/managed").status_code == 404
    assert http.get("/v1/models/managed").status_code == 200


def test_the_order_changes_from_call_to_call(http: httpx.Client) -> None:
    first, second = (http.get("/v1/models").json()["data"] for _ in range(2))
    assert first != second
    assert sorted(entry["id"] for entry in first) == sorted(entry["id"] for entry in second)


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def test_a_model_that_is_known_to_see_nothing_refuses_pictures(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.add_model("acme/blind", supports_vision=False)
    gw.add_model("acme/sees")

    def ask(model: str) -> httpx.Response:
        turn = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]}
        return http.post("/v1/chat/completions", json={"model": model, "messages": [turn]})

    refused = ask("acme/blind")
    assert refused.status_code == 400
    assert "image_url is not supported by this model" in refused.json()["error"]["message"]
    assert ask("alibaba/qwen-max").status_code == 400
    assert ask("acme/sees").status_code == 200
    assert ask(MODEL).status_code == 200
