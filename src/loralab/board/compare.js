// The page of a comparison: the losses of its runs over each other.

import { Charts } from "./charts.js";

const main = document.getElementById("content");
const names = JSON.parse(main.dataset.runs);
const axis = document.getElementById("axis");
const charts = new Charts(document.getElementById("charts"), () => {});
charts.axis = "tokens";

async function load() {
  const asked = new URLSearchParams(names.map((name) => ["run", name]));
  asked.set("axis", axis.value);
  const answer = await fetch(`/compare/curves?${asked}`);
  if (!answer.ok) return;
  const found = await answer.json();
  charts.axis = axis.value = found.axis;
  charts.show(found);
}

axis.addEventListener("change", () => {
  charts.range = null;
  load();
});
window.addEventListener("load", load);
