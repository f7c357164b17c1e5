// Making elements. Text from outside is only ever set as textContent: nothing a request says becomes markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "style") for (const [rule, to] of Object.entries(value)) element.style.setProperty(rule, to);
    else if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Sets a text only where it differs: hundreds of rows are redrawn without touching most of them.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "…";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048576) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1048576).toFixed(1)} MiB`;
}

export function money(cost) {
  return cost === null || cost === undefined ? "–" : `$${cost}`;
}

export function statusOf(row) {
  if (row.state === "left") return ["left", "wait"];
  if (row.state === "open") return [row.status === null ? "…" : `${row.status}…`, "wait"];
  if (row.status === null) return ["cut", "bad"];
  return [String(row.status), row.status < 400 ? "good" : "bad"];
}
