// The table of runs: order, search, choice, and the newest state.

import { say } from "./words.js";

const body = document.getElementById("rows");
const words = document.getElementById("words-wanted");
const status = document.getElementById("status-wanted");
const compare = document.getElementById("compare");
const NUMBERS = new Set(["steps", "score", "seconds", "memory", "speed"]);
const MOST_COMPARED = 8;
const EVERY_MS = 2000;
const chosen = new Set();
let last_html = "";
let order = { key: "id", up: false };

function value(row, key) {
  const text = row.dataset[key] ?? "";
  if (!NUMBERS.has(key)) return text;
  const found = Number.parseFloat(text);
  return Number.isFinite(found) ? found : null;
}

// Rows without a value come last in either direction.
function compare_rows(a, b) {
  const [one, two] = [value(a, order.key), value(b, order.key)];
  if (one === null || two === null) return (one === null) - (two === null);
  const sign = typeof one === "string" ? one.localeCompare(two, undefined, { numeric: true }) : one - two;
  return order.up ? sign : -sign;
}

function arrange() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...body.rows].sort(compare_rows);
  let shown = 0;
  for (const row of rows) {
    const text = `${row.dataset.id} ${row.dataset.model} ${row.dataset.data}`.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word)) || (status.value !== "" && row.dataset.status !== status.value);
    shown += !row.hidden;
    row.querySelector(".choose").checked = chosen.has(row.dataset.id);
  }
  body.append(...rows);
  document.getElementById("none-found").hidden = shown > 0 || rows.length === 0;
  document.getElementById("nothing").hidden = rows.length > 0;
}

function tell_chosen() {
  compare.disabled = chosen.size < 2 || chosen.size > MOST_COMPARED;
  document.getElementById("chosen").textContent = chosen.size ? say("selected", { n: chosen.size }) : "";
}

async function renew() {
  try {
    const found = await (await fetch("/rows")).json();
    const focused = document.activeElement?.closest?.("tr")?.dataset.id;
    if (last_html !== found.html) replace(found.html, focused);
    document.getElementById("pending").textContent = found.pending ? say("pending", { n: found.pending }) : "";
    setTimeout(renew, found.pending || found.running ? EVERY_MS : 5 * EVERY_MS);
  } catch {
    document.getElementById("pending").textContent = say("lost");
    setTimeout(renew, 5 * EVERY_MS);
  }
}

function replace(html, focused) {
  last_html = html;
  body.innerHTML = html; // made and escaped by the same server as this page
  arrange();
  if (focused) body.querySelector(`tr[data-id="${CSS.escape(focused)}"] input`)?.focus();
}

body.addEventListener("change", (event) => {
  if (!event.target.matches(".choose")) return;
  if (event.target.checked) chosen.add(event.target.value);
  else chosen.delete(event.target.value);
  tell_chosen();
});
document.querySelectorAll("th button").forEach((button) => {
  button.addEventListener("click", () => {
    const key = button.dataset.key;
    order = { key, up: order.key === key ? !order.up : !NUMBERS.has(key) && !["id", "created"].includes(key) };
    document.querySelectorAll("th[aria-sort]").forEach((head) => head.removeAttribute("aria-sort"));
    button.closest("th").setAttribute("aria-sort", order.up ? "ascending" : "descending");
    arrange();
  });
});
words.addEventListener("input", arrange);
status.addEventListener("change", arrange);
compare.addEventListener("click", () => {
  const names = [...body.rows].map((row) => row.dataset.id).filter((id) => chosen.has(id)).sort();
  location.href = `/compare?${new URLSearchParams(names.map((name) => ["run", name]))}`;
});
setTimeout(renew, EVERY_MS);
