// Charts of one page: lines over one x axis, drawn by uPlot, with a mark that all share, zoom, keyboard and export.

import { number, say } from "./words.js";

const HEIGHT = { first: 340, other: 230 };
const KEY_STEP = 1 / 50; // of what is seen, for an arrow key

function colour(style) {
  const name = { each: "--blue-pale", mean: "--blue", only: "--blue", held: "--orange" }[style] ?? `--${style}`;
  return css(name);
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The table that uPlot draws from: one x for all lines, undefined where a line has no point there.
function joined(lines) {
  return uPlot.join(lines.map((line) => [line.x, line.y]), lines.map((line) => line.y.map(() => 2)));
}

export class Charts {
  // `reload(low, high)` asks for the same charts with all points of that part of the x axis.
  constructor(box, reload) {
    this.box = box;
    this.reload = reload;
    this.cards = new Map();
    this.range = null; // what is seen, null for everything
    this.axis = "step";
    this.smooth = true;
    this.sync = uPlot.sync("charts");
    const redraw = () => this.cards.forEach((card) => card.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(() => this.cards.forEach((card) => card.resize())).observe(box);
  }

  show(found, links) {
    this.marks = found.marks;
    const keys = new Set(found.charts.map((chart) => chart.key));
    for (const [key, card] of this.cards) {
      if (!keys.has(key)) {
        card.element.remove();
        this.cards.delete(key);
      }
    }
    found.charts.forEach((chart, place) => {
      if (!this.cards.has(chart.key)) {
        const card = new Card(this, chart.key, place === 0 || chart.key === "held", links);
        this.cards.set(chart.key, card);
        this.box.append(card.element);
      }
      this.cards.get(chart.key).take(chart);
    });
  }

  zoom(low, high) {
    this.range = low === null ? null : [low, high];
    this.cards.forEach((card) => card.fit());
    this.reload(...(this.range ?? [null, null]));
  }
}

class Card {
  constructor(charts, key, wide, links) {
    this.charts = charts;
    this.key = key;
    this.wide = wide;
    this.log = false;
    this.element = document.createElement("figure");
    this.element.className = wide ? "broad card" : "card";
    this.element.dataset.key = key;
    this.element.card = this; // for whoever looks at the page from its console
    this.element.innerHTML =
      '<div class="card-head"><h3></h3><span class="unit muted"></span><span class="grow"></span><span class="card-tools"></span></div>' +
      '<p class="legend"></p><div class="plot" tabindex="0" role="img"></div><p class="readout" role="status"></p>' +
      '<details class="numbers"><summary></summary><div class="wide" tabindex="0"></div></details>';
    this.plot = this.element.querySelector(".plot");
    this.readout = this.element.querySelector(".readout");
    this.element.querySelector("summary").textContent = say("values");
    this.addTools(links);
    this.plot.addEventListener("keydown", (event) => this.key_down(event));
    this.element.querySelector("details").addEventListener("toggle", () => this.write_numbers());
  }

  addTools(links) {
    const tools = this.element.querySelector(".card-tools");
    const log = button(say("log"), () => {
      this.log = !this.log;
      log.setAttribute("aria-pressed", String(this.log));
      this.draw();
    });
    log.setAttribute("aria-pressed", "false");
    const reset = button(say("reset"), () => this.charts.zoom(null));
    tools.append(log, reset, button("PNG", () => this.save_png()));
    if (links?.svg) tools.append(link("SVG", links.svg(this.key), `${this.key}.svg`));
    tools.append(button("CSV", () => this.save_csv()));
  }

  take(chart) {
    this.chart = chart;
    this.element.querySelector("h3").textContent = chart.title;
    this.element.querySelector(".unit").textContent = chart.unit;
    const structure = JSON.stringify([this.lines().map((line) => [line.name, line.style]), this.charts.axis]);
    if (this.drawn && structure === this.structure) {
      this.drawn.setData(joined(this.lines()), false);
      this.fit();
    } else {
      this.structure = structure;
      this.draw();
    }
    this.describe();
  }

  lines() {
    const all = this.chart.lines;
    return this.charts.smooth ? all : all.filter((line) => line.style !== "mean");
  }

  draw() {
    const focus = document.activeElement === this.plot;
    this.drawn?.destroy();
    const lines = this.lines();
    this.plot.replaceChildren();
    this.drawn = new uPlot(this.options(lines), joined(lines), this.plot);
    this.fit();
    this.legend(lines);
    if (focus) this.plot.focus();
  }

  options(lines) {
    const grid = { stroke: css("--rule"), width: 1 };
    const axis = { stroke: css("--muted"), grid, ticks: grid, font: `12px ${css("--sans")}` };
    const x = this.charts.axis === "time" ? {} : { values: (_, ticks) => tick_texts(ticks) };
    return {
      width: this.width(), height: this.height(), legend: { show: false },
      scales: { x: { time: this.charts.axis === "time" }, y: { distr: this.log ? 3 : 1, range: this.log ? undefined : (_, low, high) => y_range(low, high) } },
      axes: [{ ...axis, ...x }, { ...axis, size: 64, values: (_, ticks) => tick_texts(ticks) }],
      series: [{}, ...lines.map((line) => series_of(line))],
      cursor: { sync: { key: "charts", scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, y: false },
      hooks: { drawClear: [(u) => this.draw_gaps(u)], setCursor: [() => this.read()], setSelect: [(u) => this.select(u)] },
    };
  }

  // Where a value is not finite the line has a gap, and the gap is shaded; epochs begin at dashed lines.
  draw_gaps(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = css("--gap");
    for (const line of this.chart.lines) {
      for (const [first, last] of line.gaps) {
        const a = u.valToPos(first, "x", true), b = u.valToPos(last, "x", true);
        const from = Math.max(bbox.left, a - 2), to = Math.min(bbox.left + bbox.width, b + 2);
        if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
      }
    }
    ctx.strokeStyle = css("--muted");
    ctx.fillStyle = css("--muted");
    ctx.font = `${12 * devicePixelRatio}px ${css("--sans")}`;
    ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const [x, words] of this.charts.marks ?? []) {
      const place = u.valToPos(x, "x", true);
      if (place < bbox.left || place > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(place, bbox.top);
      ctx.lineTo(place, bbox.top + bbox.height);
      ctx.stroke();
      if (this.wide) ctx.fillText(words, place + 4 * devicePixelRatio, bbox.top + 14 * devicePixelRatio);
    }
    ctx.restore();
  }

  select(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    this.charts.zoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  fit() {
    const [low, high] = this.charts.range ?? this.whole();
    this.drawn.setScale("x", { min: low, max: high > low ? high : low + 1 });
  }

  whole() {
    const all = this.chart.lines.flatMap((line) => [line.x[0], line.x[line.x.length - 1]]);
    return [Math.min(...all), Math.max(...all)];
  }

  width() { return Math.max(240, this.plot.clientWidth); }
  height() { return this.wide ? HEIGHT.first : HEIGHT.other; }
  resize() { this.drawn?.setSize({ width: this.width(), height: this.height() }); }

  legend(lines) {
    const parts = lines.map((line) => {
      const key = document.createElement("span");
      key.className = `key ${line.style}`;
      key.textContent = line.name;
      return key;
    });
    this.element.querySelector(".legend").replaceChildren(...parts);
  }

  // The values under the mark, also for screen readers when it is moved by keys.
  read() {
    const place = this.drawn?.cursor.idx;
    if (place === null || place === undefined) {
      this.readout.textContent = "";
      return;
    }
    const at = this.x_text(this.drawn.data[0][place]);
    const values = this.lines().map((line) => {
      const near = nearest(line, this.drawn.data[0][place]);
      return near === null ? "" : `${line.name} ${line.y[near] === null ? "NaN" : number(line.y[near])}`;
    });
    this.readout.textContent = [at, ...values.filter(Boolean)].join(" · ");
  }

  x_text(x) {
    if (this.charts.axis === "time") return new Date(x * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";
    return `${say(this.charts.axis)} ${number(x)}`;
  }

  describe() {
    const told = this.lines().map((line) => {
      const finite = line.y.filter((y) => y !== null);
      const gaps = line.gaps.length ? `, ${say("no_number")}` : "";
      return finite.length ? `${line.name}: ${number(finite[0])} → ${number(finite[finite.length - 1])}${gaps}` : `${line.name}${gaps}`;
    });
    this.plot.setAttribute("aria-label", `${this.chart.title}. ${told.join("; ")}. ${say("keys")}`);
    if (this.element.querySelector("details").open) this.write_numbers();
  }

  key_down(event) {
    const u = this.drawn;
    const [low, high] = [u.scales.x.min, u.scales.x.max];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
    if (step) {
      const width = u.bbox.width / devicePixelRatio;
      const now = u.cursor.left >= 0 ? u.cursor.left : width / 2;
      const near = u.posToIdx(now);
      const at = u.valToPos(u.data[0][Math.min(Math.max(near + step, 0), u.data[0].length - 1)], "x");
      const left = Math.abs(at - now) >= 1 ? at : now + step * width * KEY_STEP;
      u.setCursor({ left: Math.min(Math.max(left, 0), width), top: 10 });
    } else if (factor) {
      const middle = u.cursor.idx === null || u.cursor.idx === undefined ? (low + high) / 2 : u.data[0][u.cursor.idx];
      this.charts.zoom(middle - (middle - low) * factor, middle + (high - middle) * factor);
    } else if (event.key === "0" || event.key === "Escape") {
      this.charts.zoom(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  write_numbers() {
    const box = this.element.querySelector(".numbers div");
    const lines = this.lines();
    const [xs, ...ys] = joined(lines);
    const table = document.createElement("table");
    table.className = "plain";
    const head = table.createTHead().insertRow();
    for (const name of [say(this.charts.axis), ...lines.map((line) => line.name)]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      head.append(cell);
    }
    const body = table.createTBody();
    const every = Math.max(1, Math.ceil(xs.length / 200));
    for (let i = 0; i < xs.length; i += every) {
      const row = body.insertRow();
      row.insertCell().textContent = this.x_text(xs[i]).replace(/^\D*/, "");
      for (const y of ys) row.insertCell().textContent = y[i] === undefined ? "" : y[i] === null ? "NaN" : number(y[i]);
    }
    box.replaceChildren(table);
  }

  save_png() {
    const source = this.drawn.ctx.canvas;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [source.width, source.height];
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = css("--paper");
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(source, 0, 0);
    canvas.toBlob((blob) => save(blob, `${this.key}.png`), "image/png");
  }

  // What is drawn, with all its digits. The page has a link to every step.
  save_csv() {
    const lines = this.lines();
    const [xs, ...ys] = joined(lines);
    const quote = (text) => `"${text.replace(/"/g, '""')}"`;
    const rows = [[this.charts.axis, ...lines.map((line) => quote(line.name))]];
    xs.forEach((x, i) => rows.push([x, ...ys.map((y) => (y[i] === undefined ? "" : y[i] === null ? "NaN" : y[i]))]));
    save(new Blob([rows.map((row) => row.join(",")).join("\r\n") + "\r\n"], { type: "text/csv" }), `${this.key}.csv`);
  }
}

function series_of(line) {
  const few = line.x.length < 60;
  const width = { each: 1.2 }[line.style] ?? 2;
  return { label: line.name, stroke: colour(line.style), width, spanGaps: false, points: { show: few && line.style !== "mean", size: 6, fill: colour(line.style) } };
}

// A little air round the values; from 0 where they are near it.
function y_range(low, high) {
  if (low === null || high === null) return [0, 1];
  const air = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  return [low >= 0 && low < air ? 0 : low - air, high + air];
}

function nearest(line, x) {
  let low = 0, high = line.x.length - 1;
  if (high < 0) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (line.x[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low && x - line.x[low - 1] < line.x[low] - x ? low - 1 : low;
}

// With as many decimals as set neighbours apart; a logarithmic axis leaves out some (null).
function tick_texts(ticks) {
  const shown = ticks.filter((tick) => tick !== null);
  const apart = Math.min(...shown.slice(1).map((tick, i) => Math.abs(tick - shown[i])));
  const largest = Math.max(...shown.map(Math.abs));
  const decimals = Number.isFinite(apart) && apart > 0 ? Math.max(0, Math.ceil(-Math.log10(apart) - 1e-9)) : 0;
  return ticks.map((tick) => {
    if (tick === null) return "";
    if (tick && (decimals > 4 || largest >= 1e9)) return number(tick);
    return tick.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  });
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

function link(text, address, name) {
  const made = document.createElement("a");
  made.textContent = text;
  made.href = address;
  made.download = name;
  return made;
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  link("", address, name).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
