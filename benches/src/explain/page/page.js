"use strict";
// Draws the page from the data beside it. Every transaction is one entry of D.slices.
const D = JSON.parse(document.getElementById("data").textContent);
const E = D.explanation;
const COLOURS = 8;
const byId = (id) => document.getElementById(id);
const shown = (n) => Math.round(n).toLocaleString("en-US");
// Adding nothing turns a rounded -0 into 0.
const percent = (part, whole) =>
  (whole ? Math.round((1000 * part) / whole) / 10 + 0 : 0).toFixed(1) + "%";
const short = (address) =>
  address.length > 12 ? address.slice(0, 5) + ".." + address.slice(-4) : address;
const brief = (n) => {
  const [size, unit] = n >= 1e6 ? [n / 1e6, "M"] : n >= 1e4 ? [n / 1e3, "k"] : [n, ""];
  return unit ? size.toFixed(size < 100 ? 1 : 0) + unit : shown(n);
};
const style = () => getComputedStyle(document.documentElement);
const colourName = (rank) => (rank >= 0 && rank < COLOURS ? "--c" + rank : "--rest");

function element(name, parent, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  parent.append(made);
  return made;
}

function svgElement(name, parent, attributes, text) {
  const made = document.createElementNS("http" + "://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function tip(event, text) {
  const box = byId("tip");
  box.hidden = !text;
  if (!text) return;
  box.textContent = text;
  const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
  const below = event.clientY + 16;
  const fits = below + box.offsetHeight < innerHeight;
  box.style.left = Math.max(4, left) + "px";
  box.style.top = (fits ? below : event.clientY - box.offsetHeight - 10) + "px";
}

function explainOnHover(target, text) {
  target.addEventListener("pointermove", (event) => tip(event, text));
  target.addEventListener("pointerleave", (event) => tip(event, ""));
}

function head() {
  byId("title").textContent = D.title;
  byId("subtitle").textContent =
    `${shown(D.transactions)} transactions on ${shown(D.accounts)} accounts; strategy ` +
    `${E.strategy}, mode ${E.mode}, policy ${E.policy}, ${E.workers} workers. ` +
    "All times in cost units.";
  const speedUp = E.makespan ? (D.work / E.makespan).toFixed(2) + "x" : "-";
  const order = E.policy === "priority" ? "priority" : "block";
  const figures = [
    ["makespan", brief(E.makespan)], ["lower bound", brief(E.lower_bound)],
    ["efficiency", E.efficiency.toFixed(3)], ["speed-up", speedUp],
    ["batches", shown(E.batches.length)], ["waits", shown(D.pauses.length)],
    ["work", brief(D.work)],
    [`critical path, ${order} order`, brief(D.critical_path)],
    ["hottest account", brief(D.hottest_account)], ["heavy clique", brief(E.heavy_clique)],
  ];
  for (const [name, value] of figures) {
    const group = element("div", byId("figures"));
    element("dt", group, name);
    element("dd", group, value);
  }
  D.nodes.slice(0, COLOURS).forEach((node, rank) => legend(rank, short(node.account)));
  legend(-1, "others");
}

function legend(rank, text) {
  const entry = element("span", byId("legend"));
  element("i", entry, "", "swatch").style.background = `var(${colourName(rank)})`;
  element("span", entry, text, "mono");
}

// ---- Timeline -------------------------------------------------------------------------------
const timeline = {
  canvas: byId("timeline"), left: 34, top: 22,
  end: Math.max(1, E.makespan), from: 0, to: Math.max(1, E.makespan),
  row: Math.max(7, Math.min(30, Math.floor(440 / E.workers))),
  critical: new Set(E.critical_path.map((step) => step.tx)),
  rows: Array.from({ length: E.workers }, () => []),

  // Boxes narrower than a pixel still get one, so every transaction leaves a mark.
  draw() {
    const { canvas, left, top, row } = this;
    const width = canvas.clientWidth, height = top + row * E.workers + 4;
    const density = devicePixelRatio || 1;
    canvas.width = width * density;
    canvas.height = height * density;
    canvas.style.height = height + "px";
    const g = canvas.getContext("2d"), css = style();
    const colour = (name) => css.getPropertyValue(name).trim();
    const palette = new Map();
    for (let rank = -1; rank < COLOURS; rank++) palette.set(rank, colour(colourName(rank)));
    const scale = (width - left) / (this.to - this.from);
    const x = (time) => left + (time - this.from) * scale;
    g.scale(density, density);
    this.drawAxis(g, colour, x, width, height);
    g.save();
    g.beginPath();
    g.rect(left, 0, width - left, height);
    g.clip();
    g.fillStyle = colour("--faint");
    for (const [, end, released] of D.phases) {
      if (released < this.from || end > this.to) continue;
      g.fillRect(x(end), top, Math.max(1, (released - end) * scale), row * E.workers);
    }
    const ink = colour("--ink"), label = colour("--label"), gap = row > 12 ? 2 : 1;
    let drawn = 0;
    for (const [tx, worker, , start, end, rank] of D.slices) {
      if (end < this.from || start > this.to) continue;
      const span = (end - start) * scale, y = top + worker * row;
      const box = Math.max(1, span > 4 ? span - 1 : span);
      g.fillStyle = palette.get(rank < COLOURS ? rank : -1);
      g.fillRect(x(start), y, box, row - gap);
      if (this.critical.has(tx)) {
        g.fillStyle = ink;
        g.fillRect(x(start), y, box, Math.min(2, row / 4));
        g.fillRect(x(start), y + row - gap - Math.min(2, row / 4), box, Math.min(2, row / 4));
      }
      if (box > 34 && row >= 14) {
        g.fillStyle = rank >= 0 && rank < COLOURS && rank !== 3 ? "#fff" : label;
        g.font = "11px system-ui, sans-serif";
        g.fillText(tx, x(start) + 4, y + row / 2 + 3, box - 8);
      }
      drawn++;
    }
    this.drawWaits(g, colour("--wait"), x, gap);
    g.restore();
    return drawn;
  },

  drawWaits(g, colour, x, gap) {
    g.strokeStyle = colour;
    g.lineWidth = 1;
    for (const [worker, start, end] of D.pauses) {
      if (end < this.from || start > this.to) continue;
      const y = this.top + worker * this.row, height = this.row - gap;
      const first = Math.max(x(start), this.left), last = Math.min(x(end), x(this.to));
      if (last - first < 2) continue;
      g.save();
      g.beginPath();
      g.rect(first, y, last - first, height);
      g.clip();
      g.beginPath();
      for (let at = first - height; at < last; at += 6) {
        g.moveTo(at, y + height);
        g.lineTo(at + height, y);
      }
      g.stroke();
      g.restore();
    }
  },

  drawAxis(g, colour, x, width, height) {
    const span = this.to - this.from;
    let step = 10 ** Math.floor(Math.log10(span / 4));
    while (span / step > 8) step *= span / step > 16 ? 5 : 2;
    g.font = "11px system-ui, sans-serif";
    g.strokeStyle = colour("--line");
    g.fillStyle = colour("--soft");
    for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step) {
      const at = Math.round(x(time)) + 0.5;
      g.beginPath();
      g.moveTo(at, this.top - 5);
      g.lineTo(at, height);
      g.stroke();
      if (at < width - 30) g.fillText(brief(time), at + 3, this.top - 9);
    }
    const every = Math.ceil(12 / this.row);
    for (let worker = 0; worker < E.workers; worker += every)
      g.fillText("w" + worker, 2, this.top + worker * this.row + Math.min(this.row, 20) / 2 + 4);
  },

  // Shows a window of that length around a time that keeps its place.
  zoom(factor, around) {
    const asked = (this.to - this.from) * factor;
    const span = Math.min(this.end, Math.max(100, asked));
    const share = (around - this.from) / (this.to - this.from);
    this.move(around - share * span, span);
  },

  move(from, span) {
    this.from = Math.max(0, Math.min(from, this.end - span));
    this.to = this.from + span;
    this.draw();
  },

  timeAt(event) {
    const { left } = this, box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - left) / Math.max(1, box.width - left);
    return this.from + Math.max(0, Math.min(1, share)) * (this.to - this.from);
  },

  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const worker = Math.floor((event.clientY - box.top - this.top) / this.row);
    const time = this.timeAt(event), all = this.rows[worker] || [];
    let low = 0, high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle][4] <= time) low = middle + 1; else high = middle;
    }
    return all[low] && all[low][3] <= time ? all[low] : null;
  },

  start() {
    const { canvas } = this;
    for (const slice of D.slices) this.rows[slice[1]].push(slice);
    canvas.dataset.transactions = this.draw();
    const centre = () => (this.from + this.to) / 2;
    byId("zoom-in").onclick = () => this.zoom(0.5, centre());
    byId("zoom-out").onclick = () => this.zoom(2, centre());
    byId("zoom-all").onclick = () => this.move(0, this.end);
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, this.timeAt(event));
    }, { passive: false });
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = { x: event.clientX, from: this.from };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => (drag = null));
    canvas.addEventListener("pointerleave", (event) => tip(event, ""));
    canvas.addEventListener("pointermove", (event) => {
      if (drag) {
        const scale = (this.to - this.from) / (canvas.clientWidth - this.left);
        this.move(drag.from - (event.clientX - drag.x) * scale, this.to - this.from);
        return;
      }
      const slice = this.hit(event);
      tip(event, slice ? describe(slice, this.critical.has(slice[0])) : "");
    });
    canvas.addEventListener("keydown", (event) => {
      const span = this.to - this.from;
      if (event.key === "+" || event.key === "=") this.zoom(0.5, centre());
      else if (event.key === "-") this.zoom(2, centre());
      else if (event.key === "ArrowLeft") this.move(this.from - span / 5, span);
      else if (event.key === "ArrowRight") this.move(this.from + span / 5, span);
      else return;
      event.preventDefault();
    });
    addEventListener("resize", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  },
};

function describe([tx, worker, batch, start, end, rank], isCritical) {
  const account = rank >= 0 ? "\nbusiest account " + D.nodes[rank].account : "";
  return `transaction ${tx}${isCritical ? ", on the critical path" : ""}\n` +
    `cost ${shown(end - start)}, from ${shown(start)} to ${shown(end)}\n` +
    `worker ${worker}, batch ${batch}${account}`;
}

// ---- Batches --------------------------------------------------------------------------------
function batches() {
  const count = E.batches.length, bars = Math.min(count, 200);
  const width = 560, height = 260, floor = height - 22, left = 40;
  const widest = Math.max(1, ...E.batches.map((batch) => batch.transactions));
  const bucket = Math.ceil(count / Math.max(1, bars));
  byId("batch-note").textContent = "Transactions in each batch, logarithmic" +
    (bucket > 1 ? ` (the widest of each ${bucket})` : "") +
    ". The darker, the busier are the workers.";
  const root = svgElement("svg", byId("batches"), { viewBox: `0 0 ${width} ${height}` });
  // One wide batch would flatten many narrow ones, hence the logarithm.
  const tall = (size) => Math.log(1 + size) / Math.log(1 + widest) * (floor - 12);
  const ticks = [0, widest];
  for (let size = 1; size < widest / 2; size *= 10) ticks.push(size);
  for (const size of ticks) {
    const y = floor - tall(size);
    svgElement("line", root, { x1: left, x2: width, y1: y, y2: y, class: "axis" });
    svgElement("text", root, { x: left - 6, y: y + 4, "text-anchor": "end" }, shown(size));
  }
  const total = Math.ceil(count / bucket), slot = (width - left) / Math.max(1, total);
  for (let bar = 0; bar < total; bar++) {
    const group = E.batches.slice(bar * bucket, (bar + 1) * bucket);
    const batch = group.reduce((a, b) => (b.transactions > a.transactions ? b : a));
    const number = bar * bucket + group.indexOf(batch);
    const high = Math.max(1, tall(batch.transactions));
    const wide = Math.min(64, slot > 4 ? slot - 2 : slot);
    const rect = svgElement("rect", root, {
      x: left + bar * slot + (slot - wide) / 2, y: floor - high, width: wide,
      height: high, rx: wide > 6 ? 2 : 0, class: "batch",
      style: `fill: var(--accent); fill-opacity: ${0.25 + 0.75 * Math.min(1, batch.occupancy)}`,
    });
    explainOnHover(rect, `batch ${number}: ${shown(batch.transactions)} transactions in ` +
      `${shown(batch.lanes)} lanes\nspan ${shown(batch.span)}, longest lane ` +
      `${shown(batch.longest_lane)}\nworkers busy ${percent(batch.occupancy, 1)}`);
  }
  const last = svgElement("text", root, { x: width, y: height - 6, "text-anchor": "end" });
  last.textContent = count ? `batch ${shown(count - 1)}` : "no batch";
  if (count > 1) svgElement("text", root, { x: left, y: height - 6 }, "batch 0");
  byId("batches").dataset.batches = count;
}

// ---- Bound and plan -------------------------------------------------------------------------
function scaling() {
  const width = 560, height = 260, left = 34, right = 62, top = 10, floor = height - 24;
  const gain = (time) => (time ? D.work / time : 1);
  const most = Math.max(1, ...E.scaling.map((row) => gain(row.lower_bound))) * 1.06;
  const x = (workers) => left + (Math.log2(workers) / 6) * (width - left - right);
  const y = (value) => floor - (value / most) * (floor - top);
  const root = svgElement("svg", byId("scaling"), { viewBox: `0 0 ${width} ${height}` });
  let step = 10 ** Math.floor(Math.log10(most));
  while (most / step < 3) step /= 2;
  for (let value = 0; value <= most; value += step) {
    svgElement("line", root,
      { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "axis" });
    svgElement("text", root, { x: left - 6, y: y(value) + 4, "text-anchor": "end" },
      Number(value.toFixed(2)) + "x");
  }
  for (let workers = 1; workers <= 64; workers *= 2)
    svgElement("text", root, { x: x(workers), y: height - 8, "text-anchor": "middle" }, workers);
  const line = (field, attributes) => {
    const points = E.scaling.map((row) => `${x(row.workers)},${y(gain(row[field]))}`);
    svgElement("polyline", root, { points: points.join(" "), fill: "none", ...attributes });
  };
  line("lower_bound",
    { style: "stroke: var(--wait)", "stroke-width": 2, "stroke-dasharray": "5 4" });
  line("makespan", { style: "stroke: var(--accent)", "stroke-width": 2 });
  for (const row of E.scaling) {
    const dot = svgElement("circle", root, { cx: x(row.workers), cy: y(gain(row.makespan)), r: 4,
      class: "scale", style: "fill: var(--accent); stroke: var(--card); stroke-width: 1.5" });
    explainOnHover(dot, `${row.workers} workers: ${gain(row.makespan).toFixed(2)}x of at most ` +
      `${gain(row.lower_bound).toFixed(2)}x\nmakespan ${shown(row.makespan)}, lower bound ` +
      `${shown(row.lower_bound)}\nefficiency ${row.efficiency.toFixed(3)}`);
  }
  const end = E.scaling[E.scaling.length - 1];
  const bound = y(gain(end.lower_bound)) + 4, plan = y(gain(end.makespan)) + 4;
  const apart = Math.max(plan, bound + 14);
  svgElement("text", root, { x: width - right + 10, y: bound }, "bound");
  svgElement("text", root, { x: width - right + 10, y: apart, class: "strong" }, "plan");
}

// ---- Tables ---------------------------------------------------------------------------------
function table(id, headings) {
  const row = element("tr", element("thead", byId(id)));
  for (const [text, isLeft] of headings) element("th", row, text, isLeft ? "left" : "");
  return element("tbody", byId(id));
}

function relief() {
  const body = table("relief", [["account", true], ["writers"], ["readers"], ["cost"],
    ["makespan without"], ["saves"], ["of the makespan"], ["", true]]);
  E.blocking.forEach((row, rank) => {
    const line = element("tr", body);
    const name = element("td", line, undefined, "left mono");
    element("i", name, "", "swatch").style.background = `var(${colourName(rank)})`;
    name.append(row.account);
    for (const value of [row.writers, row.readers, row.cost, row.makespan_without, row.saved])
      element("td", line, shown(value));
    element("td", line, percent(row.saved, E.makespan));
    const meter = element("div", element("td", line, undefined, "meter"));
    meter.style.width = Math.max(0, (100 * row.saved) / Math.max(1, E.makespan)) + "%";
  });
  for (const group of E.groups) {
    const line = element("tr", body);
    const name = element("td", line, undefined, "left mono");
    const why = group.program ? `of ${group.program}` : "written together";
    name.append(`${group.accounts.length} accounts ${why}`);
    name.title = group.accounts.join("\n");
    for (const value of [group.transactions, 0, group.cost, group.makespan_without, group.saved])
      element("td", line, shown(value));
    element("td", line, percent(group.saved, E.makespan));
    const meter = element("div", element("td", line, undefined, "meter"));
    meter.style.width = Math.max(0, (100 * group.saved) / Math.max(1, E.makespan)) + "%";
  }
  if (!E.blocking.length) element("td", element("tr", body), "no account blocks", "left");
}

function path() {
  const steps = E.critical_path, end = steps.length ? steps[steps.length - 1].end : 0;
  byId("path-note").textContent =
    `The heaviest chain of conflicts in the order of the plan: ${shown(steps.length)} ` +
    `transactions, cost ${shown(end)}, ${percent(end, E.makespan)} of the makespan.`;
  const body = table("path", [["transaction", true], ["cost"], ["ends"], ["through", true]]);
  for (const step of steps) {
    const line = element("tr", body);
    element("td", line, step.tx, "left");
    element("td", line, shown(step.cost));
    element("td", line, shown(step.end));
    const through = element("td", line, step.through ? short(step.through) : "", "left mono");
    if (step.through) through.title = step.through;
  }
}

// ---- Graph ----------------------------------------------------------------------------------
// Places nodes by forces, from a circle, and fits them into the box: the same data gives the same
// picture.
function place(width, height) {
  const count = Math.max(1, D.nodes.length), heaviest = Math.max(1, ...D.nodes.map((n) => n.cost));
  const nodes = D.nodes.map((node, n) => ({
    ...node, r: 4 + 12 * Math.sqrt(node.cost / heaviest),
    x: 150 * Math.cos((2 * Math.PI * n) / count), y: 150 * Math.sin((2 * Math.PI * n) / count),
  }));
  const degree = nodes.map(() => 1);
  for (const edge of D.edges) { degree[edge.one]++; degree[edge.other]++; }
  for (let round = 0; round < 500; round++) {
    const heat = 8 * (1 - round / 500);
    const force = nodes.map((node) => [-node.x * 0.03, -node.y * 0.03]);
    const push = (a, b, size) => {
      const dx = nodes[b].x - nodes[a].x || 0.1, dy = nodes[b].y - nodes[a].y || 0.1;
      const far = Math.hypot(dx, dy), scale = size(far) / far;
      force[a][0] -= dx * scale; force[a][1] -= dy * scale;
      force[b][0] += dx * scale; force[b][1] += dy * scale;
    };
    for (let a = 0; a < nodes.length; a++)
      for (let b = a + 1; b < nodes.length; b++) push(a, b, (far) => 1600 / far);
    for (const { one, other } of D.edges)
      push(one, other, (far) => (-far * 0.12) / Math.max(degree[one], degree[other]));
    nodes.forEach((node, n) => {
      const [dx, dy] = force[n], size = Math.hypot(dx, dy) || 1, move = Math.min(size, heat);
      node.x += (dx / size) * move;
      node.y += (dy / size) * move;
    });
  }
  const fit = (axis, room, low, high) => {
    const all = nodes.map((node) => node[axis]), least = Math.min(...all);
    const span = Math.max(1, Math.max(...all) - least);
    const scale = (room - low - high) / span;
    for (const node of nodes)
      node[axis] = count === 1 ? room / 2 : low + (node[axis] - least) * scale;
  };
  fit("x", width, 44, 44);
  fit("y", height, 24, 40);
  return nodes;
}

function graph() {
  const width = 560, height = 400, nodes = place(width, height);
  const root = svgElement("svg", byId("graph"), { viewBox: `0 0 ${width} ${height}` });
  const most = Math.max(1, ...D.edges.map((edge) => edge.transactions));
  for (const edge of D.edges) {
    const [a, b] = [nodes[edge.one], nodes[edge.other]];
    const line = svgElement("line", root, { x1: a.x, y1: a.y, x2: b.x, y2: b.y,
      "stroke-width": 1 + 6 * Math.sqrt(edge.transactions / most),
      style: "stroke: var(--rest); stroke-opacity: 0.4" });
    explainOnHover(line, `${short(a.account)} and ${short(b.account)}\n` +
      `${shown(edge.transactions)} transactions use both`);
  }
  nodes.forEach((node, rank) => {
    const dot = svgElement("circle", root, { cx: node.x, cy: node.y, r: node.r, class: "account",
      style: `fill: var(${colourName(rank)}); stroke: var(--card); stroke-width: 2` });
    explainOnHover(dot, `${node.account}\n${shown(node.writers)} writers, ` +
      `${shown(node.readers)} readers, cost ${shown(node.cost)}`);
  });
  // Names come last, so that no node hides them.
  for (const node of nodes.slice(0, COLOURS))
    svgElement("text", root,
      { x: node.x, y: node.y + node.r + 12, "text-anchor": "middle", class: "name" },
      short(node.account));
  if (!nodes.length) svgElement("text", root, { x: 20, y: 30 }, "no account blocks");
}

addEventListener("error", (event) => (document.body.dataset.error = event.message));
head();
timeline.start();
batches();
scaling();
relief();
path();
graph();
document.body.dataset.ready = "yes";
