// The graph: boxes for tensors, forward from left to right, and arrows on which the gradient comes back.

import { clipped, colours, draw, make, ticks } from "./looks.js";

const HEIGHT = 68, STRIP = 22, PITCH = 104, MARGIN = 16; // of a box, its strip for the gradient, a row, the edge
const LETTER = 7.4, SMALL = 7.2; // how wide a letter is, about, in a box and beside an arrow
const APART = 15; // between arrows that meet at a box

/** Draw the graph of a page's data; `onstep` and `onnode` are told which arrow or box was clicked. */
export function drawGraph(page, onstep, onnode) {
  const boxes = new Map(page.boxes.map((box) => [box.id, { ...box, nodes: [], members: new Set() }]));
  page.nodes.forEach((node, i) => {
    boxes.get(node.box).nodes.push(node);
    boxes.get(node.box).members.add(i);
  });
  for (const box of boxes.values()) box.lines = box.fold ?? lines(box.nodes[0]);
  const labels = page.arrows.map((arrow) => label(page, arrow));
  const ends = ports(page.arrows, boxes);
  const columns = measured(boxes, page, labels, ends);
  const top = ends.some(({ bend }) => bend) ? 46 : MARGIN; // Parallel arrows reach beyond their boxes.
  const y = (down) => top + down * PITCH;
  for (const box of boxes.values()) Object.assign(box, columns[box.column], { y: y(box.down) });
  const arrows = page.arrows.map((arrow, i) => drawArrow(arrow, boxes, columns, y, ends[i], labels[i], onstep));
  const drawn = [...boxes.values()].map((box) => [box.id, drawBox(box, page.nodes, onnode)]);
  const deepest = Math.max(...page.boxes.map((b) => b.down), ...page.arrows.flatMap((a) => a.route.map(([, d]) => d)));
  const [width, height] = [columns.at(-1).x + columns.at(-1).width + MARGIN, y(deepest) + HEIGHT + top];
  const svg = draw("svg", "graph", [patterns(), ...arrows.map((a) => a.group), ...drawn.map(([, box]) => box.group)], {
    viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `The graph: ${page.boxes.length} boxes, forward from left to right. The table has every edge.`,
  });
  return { svg, arrows, boxes: new Map(drawn), width };
}

/** The two lines of a box: what it is called and how it was computed, and its value. */
function lines(node) {
  const how = node.formula === null ? "" : node.formula.length < 15 ? ` = ${node.formula}` : ` = ${node.op}(…)`;
  return [clipped(node.name + how, 22), clipped(`${node.shape} ${node.value}`.trim(), 22)];
}

/** What stands beside an arrow: the local derivative as a formula, and its number; of a bundle, how many it is. */
function label(page, arrow) {
  if (!arrow.steps.length) return [];
  if (arrow.steps.length > 1) return [`${arrow.steps.length} edges`];
  const step = page.steps[arrow.steps[0] - 1];
  if (/^[−(]?[\d.]+\)?$/.test(step.formula)) return [`× ${step.formula}`];
  return [clipped(step.formula, 15), ...(step.local === null ? [] : [step.local])];
}

/** Where each column begins and how wide it is: as its texts, and those of the arrows that end in it, ask for. */
function measured(boxes, page, labels, ends) {
  const last = Math.max(...page.boxes.map((box) => box.column));
  const columns = Array.from({ length: last + 1 }, () => ({ width: 78, gap: 52 }));
  const several = page.steps.filter(({ sum }) => sum.arrived < sum.of);
  const parts = new Map(several.map(({ input, sum }) => [page.nodes[input].box, strip(sum)]));
  for (const { id, column, lines, nodes, fold } of boxes.values()) {
    const texts = [...lines, parts.get(id) ?? "", fold ? "".padEnd(18) : nodes[0].gradient ?? nodes[0].state];
    const longest = Math.max(...texts.map((text) => text.length));
    columns[column].width = Math.max(columns[column].width, 14 + LETTER * longest);
  }
  page.arrows.forEach(({ route }, i) => {
    const column = columns[route.at(-1)[0]];
    if (ends[i].bend) column.gap = Math.max(column.gap, 120);
    column.gap = Math.max(column.gap, 9 + SMALL * Math.max(0, ...labels[i].map((line) => line.length)));
  });
  let x = MARGIN;
  columns.forEach((column, i) => {
    column.x = x += i ? column.gap : 0;
    x += column.width;
  });
  return columns;
}

/** How far from the middle of its two boxes each arrow begins and ends, in the order of where it comes from or goes. */
function ports(arrows, boxes) {
  const ends = arrows.map(() => ({ source: 0, target: 0, bend: 0 }));
  for (const [side, other, far] of [["source", "target", 1], ["target", "source", -2]]) {
    const at = Map.groupBy(arrows.keys(), (i) => arrows[i][side]);
    for (const meeting of at.values()) {
      const height = (i) => arrows[i].route.at(far)[1] - boxes.get(arrows[i][side]).down;
      const parallel = (i) => meeting.filter((j) => arrows[j][other] === arrows[i][other]).length > 1;
      const spread = meeting.filter((i) => side === "target" || parallel(i)).sort((i, j) => height(i) - height(j));
      spread.forEach((i, place) => {
        ends[i][side] = (place - (spread.length - 1) / 2) * Math.min(APART, (HEIGHT - 20) / spread.length);
        if (parallel(i)) ends[i].bend = Math.sign(ends[i][side]) * 30;
      });
    }
  }
  return ends;
}

/** An arrow along its route, with its label before the box that it ends at. */
function drawArrow(arrow, boxes, columns, top, end, texts, onstep) {
  const source = boxes.get(arrow.source), last = boxes.get(arrow.target);
  const middle = HEIGHT / 2;
  let x = source.x + source.width, y = source.y + middle + end.source;
  let line = `M${x} ${y}`, label;
  arrow.route.slice(1).forEach(([c, down], i) => {
    const ending = i === arrow.route.length - 2;
    const to = [columns[c].x - (ending ? 5 : 0), top(down) + middle + (ending ? end.target : 0)];
    const half = (to[0] - x) / 2;
    line += `C${x + half} ${y + end.bend} ${to[0] - half} ${to[1] + end.bend} ${to[0]} ${to[1]}`;
    label = [x + half, (y + to[1]) / 2 + end.bend * 0.75];
    [x, y] = to;
    if (!ending) line += `H${x += columns[c].width}`;
  });
  const lines = end.bend < 0 ? [-21, -7] : end.bend > 0 ? [17, 31] : [-6, 15];
  const text = texts.map((content, i) => {
    return draw("text", i ? "number" : "symbol", content, { x: label[0], y: label[1] + lines[i] });
  });
  const path = draw("path", "line", [], { d: line });
  const reach = draw("path", "reach", [], { d: line }); // A line is hard to hit.
  const group = draw("g", arrow.steps.length ? "arrow" : "arrow constant", [reach, path, ...text], {
    onclick: arrow.steps.length ? () => onstep(arrow.steps[0]) : null,
  });
  return { group, path, ...arrow, x: (source.x + last.x + last.width) / 2, members: last.members };
}

/** A box with its name, value, and strip for the gradient. */
function drawBox(box, nodes, onnode) {
  const text = (look, content, y) => draw("text", look, content, { x: box.width / 2, y });
  const node = box.fold ? null : box.nodes[0];
  const filled = draw("path", "strip", [], { d: bottom(box.width) });
  const gradient = text("gradient", "", HEIGHT - 6.5);
  const parts = box.fold ?? [node.name, node.formula, node.exact ?? node.value].filter((part) => part !== null);
  const whole = parts.join(box.fold ? ", " : " = ");
  const value = text("value", box.lines[1], 37);
  const group = draw("g", `box ${box.fold ? "fold" : node.kind}`, [
    draw("title", "", whole),
    draw("rect", "back", [], { width: box.width, height: HEIGHT, rx: 8 }),
    filled,
    draw("rect", "frame", [], { width: box.width, height: HEIGHT, rx: 8 }),
    text("name", box.lines[0], 18), value, gradient,
  ], {
    transform: `translate(${box.x} ${box.y})`,
    onclick: node?.kind === "computed" ? () => onnode(nodes.indexOf(node)) : null,
  });
  return { group, strip: filled, gradient, node, members: box.members, x: box.x + box.width / 2 };
}

/** What stands in the strip of a box whose node has received a part of its gradient. */
export const strip = (sum) => `${sum.arrived} of ${sum.of}: ${sum.after}`;

/** The lower part of a box, with its round corners. */
function bottom(width) {
  return `M0 ${HEIGHT - STRIP}H${width}V${HEIGHT - 8}a8 8 0 0 1 -8 8H8a8 8 0 0 1 -8 -8Z`;
}

/** What fills the strip of a gradient that underflowed. */
function patterns() {
  const hatch = draw("pattern", "hatch", draw("path", "", [], { d: "M0 6L6 0M-1 1L1 -1M5 7L7 5" }), {
    id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse",
  });
  return draw("defs", "", hatch);
}

/** Draw a graph as it is at a position: its values and gradients by then; returns how far right that happens. */
export function paint(graph, { page, output }, at, done) {
  const computed = new Set(page.forward.slice(0, at)), latest = done ? null : page.forward[at - 1];
  const now = page.steps[done - 1], received = new Map(); // from a node to the latest step that reached it
  for (const step of page.steps.slice(0, done)) received.set(step.input, step);
  let place = latest === undefined ? 0 : null;
  for (const { group, steps, members, x } of graph.arrows) {
    const lit = steps.includes(done);
    group.classList.toggle("lit", lit);
    group.classList.toggle("done", steps.length > 0 && steps[0] <= done);
    group.classList.toggle("known", at >= page.forward.length);
    group.classList.toggle("feeding", members.has(latest));
    if (lit) place = x;
  }
  for (const box of graph.boxes.values()) {
    const near = now && (box.members.has(now.input) || box.members.has(now.output));
    const pending = [...box.members].every((i) => page.nodes[i].kind === "computed" && !computed.has(i));
    box.group.classList.toggle("pending", pending);
    box.group.classList.toggle("lit", box.members.has(latest));
    box.group.classList.toggle("near", Boolean(near));
    fill(box, page, gradient(box, page, received, done && output));
    if (place === null && (near || box.members.has(latest))) place = box.x;
  }
  return place;
}

/** What the strip of a box says: of a node what it has received, of a fold the latest gradient in it. */
function gradient({ node, members }, page, received, output) {
  if (!node) {
    const [i] = [...received.keys()].filter((i) => members.has(i)).slice(-1);
    return i === undefined ? {} : { ...page.nodes[i], text: `${page.nodes[i].name}: ${page.nodes[i].gradient}` };
  }
  if (node.state.startsWith("not")) return { ...node, text: node.state };
  const [step] = [...members].map((i) => received.get(i));
  if (step && step.sum.arrived < step.sum.of) return { state: "part", text: strip(step.sum) };
  return step || node.name === output ? { ...node, text: node.gradient } : {};
}

/** Fill the strip of a box. */
function fill(box, page, { text = "", state = "waiting", log10 = null }) {
  const [back, ink] = state === "number" && log10 !== null ? colours(log10, page.axis) : ["", ""];
  box.group.setAttribute("data-state", state.replace(" ", "-"));
  box.gradient.textContent = clipped(text, 24);
  box.strip.style.fill = back;
  box.gradient.style.fill = ink;
}

/** What the colours and the looks of a strip mean. */
export function legend(axis) {
  const cells = Array.from({ length: 24 }, (_, i) => {
    const [fill] = colours(axis.low + ((i + 0.5) / 24) * (axis.high - axis.low), axis);
    return draw("rect", "", [], { x: i * 8, width: 8.5, height: 12, fill });
  });
  const band = draw("svg", "", cells, { viewBox: "0 0 192 12", preserveAspectRatio: "none", "aria-hidden": "true" });
  const scale = make("span", "scale", [band, make("span", "ticks", ticks(axis))]);
  const states = [
    ["underflowed", "underflowed to 0 (in brackets: its true size)"],
    ["not-connected", "not connected: no path leads there"],
    ["not-computed", "not computed: a constant, or not yet"],
  ];
  const items = states.map(([state, text]) => make("li", "", [make("span", `swatch ${state}`), text]));
  return make("div", "legend", [make("span", "", "a number: |gradient|"), scale, make("ul", "", items)]);
}
