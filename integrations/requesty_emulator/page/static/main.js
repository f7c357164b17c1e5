// The page: a live list of requests, and the one that is chosen.

import { drawDetail } from "./detail.js";
import { make, money, put } from "./dom.js";
import { List } from "./list.js";

const at = (id) => document.getElementById(id);
const detail = at("detail");
const list = new List(at("rows"), choose);
// While paused: the last telling of all, and what changed since, each request once.
const held = { all: null, some: new Map(), last: null };
let paused = false;
let totals = { total: 0, billed: "0" };
let asked = 0;

put(at("address"), `${location.origin}/v1`);

// what comes

const events = new EventSource("/_emulator/events");
events.addEventListener("open", () => live("on", "live"));
events.addEventListener("error", () => live("off", "the emulator does not answer; trying again"));
for (const name of ["all", "some"]) {
  events.addEventListener(name, (event) => {
    const told = { name, ...JSON.parse(event.data) };
    if (paused) hold(told);
    else take(told);
  });
}

function hold(told) {
  if (told.name === "all") {
    held.all = told;
    held.some.clear();
  } else {
    for (const one of told.requests) {
      held.some.delete(one.id);
      held.some.set(one.id, one);
      if (held.some.size > 1000) held.some.delete(held.some.keys().next().value);
    }
  }
  held.last = told;
}

function release() {
  if (held.all) take(held.all);
  if (held.some.size) take({ ...held.last, name: "some", requests: [...held.some.values()].sort((a, b) => a.at - b.at) });
  held.all = held.last = null;
  held.some.clear();
}

function live(state, text) {
  at("live").dataset.state = state;
  put(at("live"), text);
}

function take(told) {
  if (told.name === "all") list.clear();
  list.take(told.requests);
  totals = told;
  tell();
  if (told.name === "all") list.choose(list.rows.has(list.chosen) ? list.chosen : null, false);
  else if (told.requests.some((one) => one.id === detail.dataset.id)) show(detail.dataset.id);
}

function tell() {
  const shown = list.count();
  const some = shown === list.rows.size ? "" : `${shown} shown of `;
  put(at("totals"), `${some}${totals.total} request${totals.total === 1 ? "" : "s"}, ${money(totals.billed)}`);
  at("empty").hidden = list.rows.size > 0;
}

// the chosen one

function choose(id, opens) {
  if (opens) {
    document.body.dataset.open = "";
    detail.focus({ preventScroll: true });
  }
  show(id);
}

// Only the last one asked for is drawn, however the answers come.
async function show(id) {
  const number = ++asked;
  let request;
  try {
    const answer = await fetch(`/_emulator/requests/${encodeURIComponent(id)}`);
    request = await answer.json();
    if (!answer.ok) throw new Error(request.error);
  } catch (error) {
    if (number !== asked) return;
    detail.dataset.id = "";
    detail.replaceChildren(make("button", { id: "back", type: "button", text: "← Back", onclick: back }),
      make("p", { class: "refused", text: error.message }));
    return;
  }
  if (number !== asked) return;
  drawDetail(detail, request, { onBack: back, onChoose: (other) => list.choose(other, false) });
}

function back() {
  delete document.body.dataset.open;
  at("rows").focus({ preventScroll: true });
}

// search, pause, colours, keys

function filter() {
  list.filter(at("search").value, at("kind").value);
  tell();
}
at("search").addEventListener("input", filter);
at("kind").addEventListener("change", filter);

at("hold").addEventListener("click", () => {
  paused = !paused;
  at("hold").setAttribute("aria-pressed", String(paused));
  put(at("hold"), paused ? "Go on" : "Pause");
  if (!paused) release();
});

const themes = { auto: ["Auto", "as the system has them"], light: ["Light", "light"], dark: ["Dark", "dark"] };

function colour(theme) {
  document.documentElement.dataset.theme = theme;
  put(at("theme"), themes[theme][0]);
  at("theme").setAttribute("aria-label", `Colours: ${themes[theme][1]}`);
}
at("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
  colour(next);
  localStorage.setItem("theme", next);
});
const kept = localStorage.getItem("theme");
colour(kept in themes ? kept : "auto");

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    back();
    at("search").focus();
  } else if (event.key === "Escape") {
    back();
  } else if (event.target === at("search") && (event.key === "ArrowDown" || event.key === "Enter")) {
    event.preventDefault();
    at("rows").focus();
    if (list.chosen === null) list.move(0);
  }
});
