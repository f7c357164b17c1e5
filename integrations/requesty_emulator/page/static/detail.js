// One request with all there is to see. It is drawn anew each time; what was opened and scrolled stays so.

import { bytes, duration, make, money, statusOf } from "./dom.js";

const section = (title, ...children) => [make("h3", { text: title }), ...children];

export function drawDetail(element, request, { onBack, onChoose }) {
  const opened = new Set([...element.querySelectorAll("details[open]")].map((one) => one.dataset.name));
  const top = element.dataset.id === request.id ? element.scrollTop : 0;
  element.dataset.id = request.id;
  const raw = [
    ["Request headers", headers(request.headers)],
    ["Request body", make("pre", { text: pretty(request.body) })],
    ["Answer headers", headers(request.answer_headers)],
    ["Answer body", make("pre", { text: request.answer_body })],
  ].map(([name, inner]) =>
    make("details", { "data-name": name, open: opened.has(name) }, make("summary", { text: name }), inner));
  element.replaceChildren(
    heading(request, onBack),
    ...refusal(request),
    facts(request),
    ...waterfall(request, onChoose),
    ...timeline(request),
    ...conversation("Prompt", request.prompt, request.prompt_left_out),
    ...tools(request.tools),
    ...conversation("Answer", request.answer, 0),
    ...section("As sent", ...raw),
  );
  element.scrollTop = top;
}

function heading(request, onBack) {
  const [status, kind] = statusOf(request);
  return make("div", { class: "top" },
    make("button", { id: "back", type: "button", text: "← Back", onclick: onBack }),
    make("h2", {}, make("span", { class: kind, text: status }), ` ${request.method} ${request.path}`));
}

function refusal(request) {
  const found = [];
  if (request.error !== null) {
    const who = { fault: "A scripted fault", provider: "Refused as the provider would", router: "Refused by the gateway" };
    found.push(make("p", { class: "refused", role: "note" },
      make("strong", { text: `${who[request.error_origin] ?? "Refused"}: ` }), request.error));
  }
  if (request.unknown_fields.length) {
    found.push(make("p", { class: "note", text: `Fields the gateway does not know: ${request.unknown_fields.join(", ")}` }));
  }
  return found;
}

function facts(request) {
  const used = request.usage ?? {};
  const cached = used.prompt_tokens_details?.cached_tokens ?? used.input_tokens_details?.cached_tokens;
  const thought = used.completion_tokens_details?.reasoning_tokens;
  const tokens = request.tokens_in === null ? null
    : `${request.tokens_in} in${cached ? ` (${cached} cached)` : ""}, ${request.tokens_out} out${thought ? ` (${thought} reasoning)` : ""}`;
  const kept = request.answer_kept < request.answer_bytes ? `, of which the first ${bytes(request.answer_kept)} are kept` : "";
  const rows = [
    ["Model", request.model],
    ["Served by", request.served && `${request.served} (${request.provider})`],
    ["Tokens", tokens],
    ["Cost", request.cost === null ? null : money(request.cost)],
    ["Took", duration(request.ms)],
    ["Answer", `${bytes(request.answer_bytes)}${request.stream ? ", streamed" : ""}${kept}`],
    ["Began", new Date(request.at * 1000).toLocaleTimeString(undefined, { hour12: false })],
    ["Request id", request.id],
    ["Key", request.key_id],
  ];
  const list = make("dl");
  for (const [name, value] of rows) {
    if (value) list.append(make("dt", { text: name }), make("dd", { text: value }));
  }
  return list;
}

// The requests of one call below each other on one scale, and below a policy's the tries that it made.
function waterfall(request, onChoose) {
  const bars = [];
  for (const other of request.same_call) {
    bars.push({ ...other, label: other.model ?? other.path, kind: statusOf(other)[1], status: statusOf(other)[0] });
    if (other.id !== request.id) continue;
    for (const tried of request.tries) {
      bars.push({ ...tried, label: tried.model, kind: tried.status < 400 ? "good" : "bad", isTry: true });
    }
  }
  const start = Math.min(0, ...bars.map((bar) => bar.from));
  const end = Math.max(1, ...bars.map((bar) => bar.to ?? bar.from));
  const share = (ms) => `${(100 * (ms - start)) / (end - start)}%`;
  const drawn = bars.map((bar) => {
    const to = bar.to ?? end;
    const inner = [
      make("span", { class: `what${bar.isTry ? " inner" : ""}` }, make("span", { class: bar.kind, text: bar.status }), ` ${bar.label}`),
      make("span", { class: `track ${bar.kind}` },
        make("i", { style: { left: share(bar.from), width: `${(100 * (to - bar.from)) / (end - start)}%` } })),
      make("span", { class: "ms", text: bar.to === null ? "…" : duration(bar.to - bar.from) }),
    ];
    if (bar.isTry) return make("li", {}, make("div", { class: "bar", title: bar.label }, ...inner));
    const current = bar.id === request.id ? "true" : null;
    const go = () => onChoose(bar.id);
    return make("li", {}, make("button", { class: "bar", type: "button", title: bar.label, "aria-current": current, onclick: go }, ...inner));
  });
  return section("Attempts", make("ol", { class: "bars" }, ...drawn));
}

function timeline(request) {
  if (!request.writes.length) return [];
  const end = Math.max(request.ms ?? 0, request.writes.at(-1)[0], 0.1);
  const most = Math.max(...request.writes.map(([, size]) => size), 1);
  const marks = request.writes.map(([at, size]) =>
    make("i", { style: { left: `calc(${(100 * at) / end}% - ${(2 * at) / end}px)`, height: `${20 + (80 * size) / most}%` } }));
  const first = duration(request.writes[0][0]);
  const count = request.writes.length;
  const label = `${count} ${count === 1 ? "chunk" : "chunks"}, the first after ${first}`;
  return section("Chunks",
    make("div", { class: "marks", role: "img", "aria-label": label }, ...marks),
    make("p", { class: "scale" }, make("span", { text: "0" }), make("span", { text: label }), make("span", { text: duration(end) })));
}

function conversation(title, said, leftOut) {
  if (!said.length) return [];
  const more = leftOut ? [make("p", { class: "hint", text: `and ${leftOut} more` })] : [];
  return section(title, ...said.map((one) => {
    const kind = one.kind === "text" ? "" : ` · ${one.kind}`;
    const what = `${title === "Answer" ? "" : one.role}${title === "Answer" ? kind.slice(3) || "text" : kind}${one.name ? ` ${one.name}` : ""}`;
    const text = one.kind === "call" ? pretty(one.text) : one.text;
    return make("div", { class: "said", "data-kind": one.kind }, make("p", { text: what }), make("pre", { text, tabindex: "0" }));
  }), ...more);
}

function tools(offered) {
  if (!offered.length) return [];
  const items = offered.map((tool) =>
    make("li", {}, make("code", { text: tool.name }), tool.description ? ` ${tool.description.slice(0, 200)}` : ""));
  return section(`Tools offered (${offered.length})`, make("ul", { class: "plain" }, ...items));
}

function headers(all) {
  return make("pre", { text: Object.entries(all).map(([name, value]) => `${name}: ${value}`).join("\n") || "(none)" });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
