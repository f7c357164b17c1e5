"""An own reading of OpenAI's strict mode, for the tests only: neither the compiler's nor the emulator's."""

from __future__ import annotations

from typing import Any

ALLOWED = {
    "object": {"type", "description", "properties", "required", "additionalProperties"},
    "array": {"type", "description", "items", "minItems", "maxItems"},
    "string": {"type", "description", "pattern", "format", "enum", "const"},
    "number": {
        *("type", "description", "enum", "const", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    },
    "boolean": {"type", "description", "enum", "const"},
    "null": {"type", "description"},
}
ALLOWED["integer"] = ALLOWED["number"]
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}


def strict_faults(schema: dict[str, Any]) -> list[str]:
    """Everything that strict mode would refuse: only what is known to be allowed passes."""
    faults: list[str] = []
    if schema.get("type") != "object":
        faults.append("the root is no object")
    definitions = schema.get("$defs", {})
    root = {key: value for key, value in schema.items() if key != "$defs"}
    depth = [0]
    todo: list[tuple[str, Any, int]] = [("#", root, 0)]
    todo += [(f"#/$defs/{name}", node, 0) for name, node in definitions.items()]
    names = values = 0
    while todo:
        where, node, level = todo.pop()
        if not isinstance(node, dict) or not node:
            faults.append(f"{where}: {node!r}")
        elif "$ref" in node:
            if set(node) != {"$ref"}:
                faults.append(f"{where}: $ref has siblings")
            if node["$ref"].removeprefix("#/$defs/") not in definitions or not node["$ref"].startswith("#/$defs/"):
                faults.append(f"{where}: {node['$ref']} leads nowhere")
        elif "anyOf" in node:
            if not set(node) <= {"anyOf", "description"} or not node["anyOf"]:
                faults.append(f"{where}: {sorted(node)}")
            todo += [(f"{where}/anyOf/{index}", inner, level) for index, inner in enumerate(node["anyOf"])]
        else:
            kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
            if not set(kinds) <= set(ALLOWED) or len(set(kinds)) < len(kinds):
                faults.append(f"{where}: type {node.get('type')!r}")
                continue
            if foreign := set(node) - set().union(*(ALLOWED[kind] for kind in kinds)):
                faults.append(f"{where}: {sorted(foreign)}")
            if node.get("format", "date") not in FORMATS:
                faults.append(f"{where}: format {node['format']}")
            if "object" in kinds:
                if node.get("additionalProperties") is not False:
                    faults.append(f"{where}: open")
                if list(node["properties"]) != node["required"]:
                    faults.append(f"{where}: required {node['required']}")
                depth.append(level + 1)
                names += len(node["properties"])
                todo += [(f"{where}/{name}", inner, level + 1) for name, inner in node["properties"].items()]
            if "array" in kinds:
                todo.append((f"{where}/items", node.get("items"), level))
            if "enum" in node:
                values += len(node["enum"])
                if not node["enum"]:
                    faults.append(f"{where}: empty enum")
    if max(depth) > 10:
        faults.append("nested too deeply")
    if names > 5000 or values > 1000:
        faults.append("too large")
    return faults
