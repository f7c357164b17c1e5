"""Merge the files of catalog/sources into the packaged snapshot; with --check, say whether it is fresh."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources"
TARGET = HERE.parent / "integrations" / "requesty_core" / "data" / "catalog.json"

#: Files in the order of merging: later ones win.
ORDER = (
    "gateway-2025-07.json",
    "upstream-new-2026-09.json",
    "upstream-flags-2026-09.json",
    "managed-2026-09.json",
    "embeddings-2025-12.json",
    "corrections-2026-09.json",
)
#: Of these files windows and prices only fill gaps: they describe the maker's model, not the gateway's entry.
UPSTREAM = frozenset({"upstream-new-2026-09.json", "upstream-flags-2026-09.json"})
_OWN_WORD = frozenset({"context_window", "max_output_tokens", "input_price", "output_price", "cached_price"})

#: Regions of the hosts by where they are: AWS, Google Cloud and Azure names, and the gateway's own zones.
_EU = """eu eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-3
europe-central2 europe-north1 europe-southwest1 europe-west1 europe-west3 europe-west4 europe-west8 europe-west9
europe-west10 europe-west12
swedencentral francecentral germanywestcentral westeurope northeurope italynorth polandcentral spaincentral"""
_UK = "uk europe-west2 eu-west-2 uksouth ukwest"
_US = """us us-east-1 us-east-2 us-west-1 us-west-2
us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4
eastus eastus2 westus westus2 westus3 northcentralus southcentralus centralus"""
GEOLOCATIONS = {region: place for place, names in (("eu", _EU), ("uk", _UK), ("us", _US)) for region in names.split()}


def build() -> str:
    """The snapshot's text: one entry a line, sorted by id."""
    merged: dict[str, dict[str, Any]] = {}
    heads: dict[str, dict[str, str]] = {}
    for name in ORDER:
        body = json.loads((SOURCES / name).read_text(encoding="utf-8"))
        source = name.removesuffix(".json")
        heads[source] = {key: body[key] for key in ("as_of", "what", "from")}
        for entry in body["data"]:
            _merge(merged.setdefault(entry["id"], {}), entry, source, body["as_of"], upstream=name in UPSTREAM)
    for entry in merged.values():
        _place(entry)
    head = json.dumps({"as_of": max(h["as_of"] for h in heads.values()), "sources": heads})
    rows = (json.dumps(merged[name], separators=(",", ":"), sort_keys=True) for name in sorted(merged))
    return f'{head[:-1]}, "data": [\n' + ",\n".join(rows) + "\n]}\n"


def _merge(entry: dict[str, Any], new: dict[str, Any], source: str, as_of: str, *, upstream: bool) -> None:
    for key, value in new.items():
        # 0 in max_output_tokens stands for the provider's default.
        if value is None or (upstream and key in _OWN_WORD and entry.get(key)):
            continue
        entry[key] = value
    # The age of an entry is that of its prices, not of a flag that was filled in later.
    if not upstream and "input_price" in new:
        entry["as_of"] = as_of
    entry.setdefault("as_of", as_of)
    entry.setdefault("sources", []).append(source)


def _place(entry: dict[str, Any]) -> None:
    place = GEOLOCATIONS.get(entry["id"].rpartition("@")[2]) if "@" in entry["id"] else None
    if place is not None:
        entry["geolocation"] = place


def main() -> int:
    """Write the snapshot, or with --check compare it."""
    text = build()
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") != text:
            print(f"{TARGET.name} is stale; run make catalog")
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
