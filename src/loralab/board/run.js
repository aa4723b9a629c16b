// The page of a run: its curves, and what changes while it runs.

import { Charts } from "./charts.js";
import { number, say } from "./words.js";

const main = document.getElementById("content");
const address = `/run/${encodeURIComponent(main.dataset.run)}`;
const AT_MOST_EVERY_MS = 1000;
const AGAIN_MS = 15000; // a run that ended may be resumed

let state = JSON.parse(main.dataset.state); // null where the record was still to be read
let waiting = null;
let last_load = 0;

const charts = new Charts(document.getElementById("charts"), load);
const axis = document.getElementById("axis");
const smooth = document.getElementById("smooth");

async function load() {
  const asked = new URLSearchParams({ axis: charts.axis });
  if (charts.range) {
    asked.set("low", charts.range[0]);
    asked.set("high", charts.range[1]);
  }
  last_load = performance.now();
  const found = await get(`${address}/curves?${asked}`);
  if (!found || asked.get("axis") !== charts.axis) return;
  document.getElementById("no-steps").hidden = found.charts.length > 0;
  draw(found, false);
}

// A long record takes seconds to be read: until then some of its steps are shown, and said to be some.
async function look_first() {
  const found = await get(`${address}/glance?axis=${charts.axis}`);
  if (found?.charts.length) draw(found, true);
}

function draw(found, is_first_look) {
  const told = document.getElementById("first-look");
  told.hidden = !is_first_look;
  told.textContent = is_first_look ? say("first_look", { n: number(found.steps) }) : "";
  charts.box.setAttribute("aria-busy", String(is_first_look));
  charts.show(found, { svg: (key) => `${address}/chart/${key}.svg` });
}

// However often something happens, the curves are asked for once a second at most.
function load_soon() {
  if (waiting) return;
  const wait = Math.max(0, last_load + AT_MOST_EVERY_MS - performance.now());
  waiting = setTimeout(() => {
    waiting = null;
    load();
  }, wait);
}

async function get(url) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(String(answer.status));
    lost("");
    return await answer.json();
  } catch {
    lost(say("lost"));
    return null;
  }
}

function lost(words) {
  const place = document.getElementById("lost");
  place.hidden = !words;
  place.textContent = words;
}

async function load_parts() {
  const parts = await get(`${address}/parts`);
  for (const [name, html] of Object.entries(parts ?? {})) {
    const place = document.getElementById(`part-${name}`);
    if (!place) continue;
    const open = [...place.querySelectorAll("details")].map((one) => one.open);
    place.innerHTML = html; // made and escaped by the same server as this page
    place.querySelectorAll("details").forEach((one, i) => { if (i < open.length) one.open = open[i]; });
  }
}

function take(now) {
  const before = state;
  state = now;
  const bar = document.getElementById("bar");
  bar.max = now.planned || 1;
  bar.value = now.done;
  document.getElementById("done").textContent = say("of", { done: number(now.done), planned: number(now.planned) });
  document.getElementById("left").textContent = now.left ? say("left", { duration: now.left }) : "";
  if (now.seq !== before?.seq) load_soon();
  if (now.others !== before?.others || now.status !== before?.status) load_parts();
}

function listen() {
  const source = new EventSource(`${address}/live`);
  source.onmessage = (event) => {
    lost("");
    take(JSON.parse(event.data));
  };
  source.onerror = () => lost(say("lost")); // the browser tries again by itself
  source.addEventListener("end", () => {
    source.close();
    setTimeout(listen, AGAIN_MS);
  });
}

axis.addEventListener("change", () => {
  charts.axis = axis.value;
  charts.range = null;
  load();
});
smooth.addEventListener("change", () => {
  charts.smooth = smooth.checked;
  load();
});
window.addEventListener("load", async () => {
  if (state === null) await look_first();
  await load();
  listen();
});
