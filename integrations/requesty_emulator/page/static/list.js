// The rows: made once, changed in place, newest first; and which of them are shown.

import { duration, make, money, put, statusOf } from "./dom.js";

const MOST = 1000;

export class List {
  constructor(element, onChoose) {
    this.element = element;
    this.onChoose = onChoose;
    this.rows = new Map();
    this.words = [];
    this.kind = "all";
    this.chosen = null;
    element.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(row.dataset.id, true);
    });
    element.addEventListener("keydown", (event) => this.key(event));
  }

  clear() {
    this.rows.clear();
    this.element.replaceChildren();
  }

  // Takes new and changed requests, oldest first.
  take(requests) {
    for (const request of requests) {
      let row = this.rows.get(request.id);
      if (!row) {
        row = { element: this.blank(request.id) };
        this.rows.set(request.id, row);
        this.insert(row.element, request.at);
      }
      row.request = request;
      this.draw(row);
    }
    while (this.rows.size > MOST) {
      const [id, oldest] = this.rows.entries().next().value;
      oldest.element.remove();
      this.rows.delete(id);
    }
  }

  // Almost always the first place; a request that came while others were told finds its own.
  insert(element, at) {
    element.dataset.at = at;
    let before = this.element.firstElementChild;
    while (before && Number(before.dataset.at) > at) before = before.nextElementSibling;
    this.element.insertBefore(element, before);
  }

  blank(id) {
    const parts = ["status", "model", "money", "asked", "time", "error"].map((name) => make("span", { class: name }));
    const element = make("li", { class: "row", role: "option", id: `row-${id}`, "data-id": id }, ...parts);
    element.setAttribute("aria-selected", "false");
    return element;
  }

  draw(row) {
    const { element, request } = row;
    const [status, model, cost, asked, time, error] = element.children;
    const [text, kind] = statusOf(request);
    put(status, text);
    status.className = `status ${kind}`;
    element.classList.toggle("open", request.state === "open");
    put(model, request.model ?? `${request.method} ${request.path}`);
    put(cost, money(request.cost));
    put(asked, request.asked || request.path);
    const tokens = request.tokens_in === null ? "" : `${request.tokens_in}+${request.tokens_out} · `;
    put(time, `${tokens}${duration(request.ms)}${request.stream ? " · stream" : ""}`);
    put(error, request.error ?? "");
    error.hidden = !request.error;
    element.hidden = !this.shows(request);
  }

  shows(request) {
    const failed = request.state === "left" || (request.state === "done" && !(request.status < 400));
    const kinds = {
      all: true,
      failed,
      refused: request.error !== null && request.error_origin !== "fault",
      stream: request.stream,
      open: request.state === "open",
    };
    if (!kinds[this.kind]) return false;
    if (!this.words.length) return true;
    const fields = ["method", "path", "model", "served", "provider", "status", "asked", "error", "error_origin"];
    const text = fields.map((name) => request[name] ?? "").join(" ").toLowerCase();
    // Short words are in every id.
    const isId = (word) => word.length >= 8 && request.id.startsWith(word);
    return this.words.every((word) => text.includes(word) || isId(word));
  }

  filter(text, kind) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.kind = kind;
    for (const row of this.rows.values()) row.element.hidden = !this.shows(row.request);
  }

  count() {
    let shown = 0;
    for (const row of this.rows.values()) if (!row.element.hidden) shown += 1;
    return shown;
  }

  choose(id, opens) {
    this.rows.get(this.chosen)?.element.setAttribute("aria-selected", "false");
    this.chosen = id;
    const row = this.rows.get(id);
    if (row) {
      row.element.setAttribute("aria-selected", "true");
      this.element.setAttribute("aria-activedescendant", row.element.id);
      row.element.scrollIntoView({ block: "nearest" });
    } else {
      this.element.removeAttribute("aria-activedescendant");
    }
    if (id !== null) this.onChoose(id, opens);
  }

  move(step) {
    const shown = [...this.element.children].filter((element) => !element.hidden);
    if (!shown.length) return;
    const at = shown.findIndex((element) => element.dataset.id === this.chosen);
    const next = Math.min(Math.max(at < 0 ? 0 : at + step, 0), shown.length - 1);
    this.choose(shown[next].dataset.id, false);
  }

  key(event) {
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Enter" && this.chosen !== null) this.onChoose(this.chosen, true);
    else return;
    event.preventDefault();
  }
}
