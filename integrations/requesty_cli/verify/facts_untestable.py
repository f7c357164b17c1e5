"""Facts of the contract that no request can test, each with its reason."""

from __future__ import annotations

from .rows import untestable

__all__ = ["ROWS"]

_WITHIN = "happens behind the gateway; nothing in an answer shows it"
_FAULT = "needs a failure that a request cannot bring about"
_PAGES = "is about pages and packages, not about the wire"
_ACCOUNT = "needs an account in that state"
_DASHBOARD = "is set in the dashboard"

ROWS = [
    untestable(
        "1 21-17", "hosts of the regions and of their management", "one run asks one host; run again with --region"
    ),
    untestable("1", "a browser signs in and gets a key", "needs a person in a browser"),
    untestable("1 19-33", "prefixes of keys", "a run has one key"),
    untestable(
        "1 19-1 19-2", "names of the hosts in other sources", "the base URL is given; another host is not asked"
    ),
    untestable("2 19-22", "what answers without model", "the payer's own default model could cost anything"),
    untestable("2", "tiers, thinking budgets and dedicated ids", "one request for each would go beyond the budget"),
    untestable("2", "size of the catalogue over time", "a run sees one moment; the number is told with section 9"),
    untestable("3 21-4", "effect of models, include_reasoning and top_k", "unknown: there is nothing to compare with"),
    untestable("3 21-12", "prompt library: prompt_id and prompt_variables", "needs a prompt in the account's library"),
    untestable("3 16", "budgets that the efforts are turned into", _WITHIN),
    untestable(
        "3", "rules of single models for efforts and thinking", "one request for each model would go beyond the budget"
    ),
    untestable("3 19-15", "forms of PDF parts", "whether a PDF was read does not show in the shape of an answer"),
    untestable("3 19-16 21-10", "web search and its citations", "costs more for each search than the default budget"),
    untestable("4", "images in answers", "costs more than the default budget"),
    untestable("4 21-13", "an error under status 200", _FAULT),
    untestable("5 13 21-13", "an error inside a stream", _FAULT),
    untestable("5 21-1", "comments that keep a stream alive", "come, if at all, in answers that take long"),
    untestable("6 7 16", "cache_control and the use of caches", "needs prompts of thousands of tokens, sent twice"),
    untestable(
        "6 19-21", "/anthropic/v1/messages, the path of some clients", "below the base URL given there is one path only"
    ),
    untestable("7", "previous_response_id and GET /v1/responses/{id}", "stores a conversation at the gateway"),
    untestable("9 21-11", "how many listed models are served", "one request for each model would go beyond the budget"),
    untestable("10", "decision models and /v1/systemone", "needs an account with these models"),
    untestable("12 19-24 21-16", "members and roles of groups", "needs a second person in the organisation"),
    untestable("12", "models a key may use", "needs keys with lists of their own"),
    untestable("12", "expired keys stay so", "needs a key that has expired"),
    untestable("13 19-28 19-29", "402, 410, 412, 424, 429, 5xx and 529", _FAULT),
    untestable("14", "what request headers become in the analytics", "shows in the dashboard only"),
    untestable("15 19-27 21-14", "how policies choose, wait and fall back", _WITHIN),
    untestable("15", "fees, free plan, time that prompts are kept", "is a matter of contract and invoices"),
    untestable(
        "15 19-31 19-38", "list prices and what is billed", "the invoice decides; usage.cost is told with section 4"
    ),
    untestable("15 19-39", "data retention", _WITHIN),
    untestable("16 19-26", "what automatic caching does", _WITHIN),
    untestable("17", "guardrails and their tokens", _DASHBOARD),
    untestable("18 19-32", "clients that know the gateway", _PAGES),
    untestable("19-34", "the MCP gateway's host", "is another protocol and host"),
    untestable("20", "what follows for an emulator", "is a conclusion, not a fact"),
    untestable("21-1 21-6", "numeric limits, and usage after an abort", _ACCOUNT),
]
