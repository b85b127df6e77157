// The core: the page drawn from a trace's JSON alone. It knows no engine and computes no gradient.
//
// The one idea: a page stands at one position, and everything on it is a function of that. Position 0 is the start,
// then come the values that are computed forward, then the edges of the walk back.

import { drawGraph, legend, paint } from "./graph.js";
import { formula, make } from "./looks.js";
import { chainLine, drawForward, drawStart, drawStep, latex } from "./panel.js";
import { drawTable } from "./table.js";

const PACE = 1100; // milliseconds a step, when it plays
const ICONS = { first: "⇤", back: "←", play: "▶", pause: "❚❚", next: "→", last: "⇥" };

/** Build the page in an element. What it returns shows data, and has its step, to read, to set, or to be told of. */
export function mount(root) {
  let data = null, at = 0, graph = null, table = null, rendered = 0, timer = null, arrays = false;
  const title = make("h1"), about = make("p", "about");
  const canvas = make("div", "canvas", [], { tabindex: 0, role: "region", "aria-label": "graph" });
  const key = make("div"), panel = make("section", "panel", [], { tabindex: 0, "aria-label": "this step" });
  const list = make("ol", "lines", [], { tabindex: 0, "aria-label": "the chain rule so far" });
  const rows = make("div", "rows", [], { tabindex: 0, role: "region", "aria-label": "all steps" });
  const live = make("p", "visually-hidden", [], { "aria-live": "polite", id: "said" });
  const move = () => go(Number(slider.value));
  const slider = make("input", "", [], { type: "range", min: 0, value: 0, "aria-label": "step", oninput: move });
  const count = make("output", "count");
  const button = (name, label, act) => make("button", name, [
    make("span", "", ICONS[name], { "aria-hidden": "true" }), make("span", "label", label),
  ], { type: "button", title: label, "aria-label": label, onclick: act });
  const play = button("play", "play", () => playing(timer === null));
  const controls = make("div", "controls", [
    button("first", "to the start", () => go(0)), button("back", "a step back", () => go(at - 1)), play,
    button("next", "a step on", () => go(at + 1)), button("last", "to the end", () => go(total())), slider, count,
  ], { role: "group", "aria-label": "stepping" });
  const maps = make("button", "maps", "show arrays as heat maps", { type: "button", "aria-pressed": "false" });
  maps.addEventListener("click", () => {
    arrays = !arrays;
    maps.setAttribute("aria-pressed", arrays);
    drawPanel();
  });
  const write = () => copied(latex(data, walked()));
  const copy = make("button", "copy", "copy as LaTeX", { type: "button", onclick: write });
  const heading = make("div", "heading", [make("h2", "", "The chain rule so far"), copy]);
  const chain = make("section", "chain", [heading, list]);
  const all = make("section", "all", [make("h2", "", "Every step"), rows]);
  root.replaceChildren(
    make("header", "", [title, about]), make("section", "stage", [canvas, key]), controls,
    make("div", "below", [make("div", "left", [panel, maps, chain]), all]), live,
  );

  const forward = () => data.page.forward.length;
  const total = () => forward() + data.page.steps.length;
  const walked = () => Math.max(0, at - forward());

  /** Go to a position, which is kept within the bounds; playing ends unless it plays itself. */
  function go(position, { quiet = false, playing: still = false } = {}) {
    if (!still) playing(false);
    at = Math.min(Math.max(0, Math.round(position) || 0), total());
    render(quiet);
    page.onstep?.(at);
  }

  /** Play from here, or from the start where this is the end; or stop. */
  function playing(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => (at < total() ? go(at + 1, { playing: true }) : playing(false)), PACE) : null;
    if (on && at >= total()) go(0, { playing: true });
    play.firstChild.textContent = on ? ICONS.pause : ICONS.play;
    play.lastChild.textContent = on ? "pause" : "play";
    play.setAttribute("aria-label", on ? "pause" : "play");
  }

  /** What happens at this position. */
  function drawPanel() {
    if (at === 0) panel.replaceChildren(drawStart(data));
    else if (at > forward()) panel.replaceChildren(drawStep(data, walked() - 1, arrays));
    else panel.replaceChildren(drawForward(data, data.page.nodes[data.page.forward[at - 1]], arrays));
  }

  /** Everything as it is at this position. */
  function render(quiet) {
    const done = walked();
    slider.value = at;
    slider.setAttribute("aria-valuetext", said());
    count.textContent = at > forward() ? `back ${done} / ${data.page.steps.length}` : `forward ${at} / ${forward()}`;
    play.disabled = total() === 0;
    copy.disabled = done === 0;
    drawPanel();
    renderRows(done);
    renderLines(done);
    const place = paint(graph, data, at, done);
    canvas.scrollTo({ left: place * (graph.svg.clientWidth / graph.width || 1) - canvas.clientWidth / 2 });
    if (!quiet) live.textContent = said();
  }

  /** The rows between the last position and this one, and the row of this step. */
  function renderRows(done) {
    const from = Math.max(0, Math.min(done, rendered) - 1);
    for (const [j, { row, button }] of table.rows.slice(from, Math.max(done, rendered, 1)).entries()) {
      const i = from + j;
      row.className = i < done - 1 ? "done" : i === done - 1 ? "now" : "ahead";
      button.tabIndex = i === Math.max(0, done - 1) ? 0 : -1;
      if (i === done - 1) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
    }
    rendered = done;
    within(rows, table.rows[done - 1]?.row);
  }

  /** The chain rule has a line for every step that was taken. */
  function renderLines(done) {
    list.querySelector(".now")?.classList.remove("now");
    while (list.childElementCount > done) list.lastChild.remove();
    while (list.childElementCount < done) list.append(chainLine(data, list.childElementCount));
    list.lastElementChild?.classList.add("now");
    list.scrollTop = list.scrollHeight;
  }

  /** The sentence of this position. */
  function said() {
    if (at === 0) return "At the start.";
    if (at > forward()) return data.page.steps[walked() - 1].sentence;
    const node = data.page.nodes[data.page.forward[at - 1]];
    return `Forward, ${at} of ${forward()}: ${node.name} is ${node.formula}, ${node.value}.`;
  }

  /** Copy a text and say so; where a page may not write to the clipboard, as in a frame, the older way still can. */
  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.body.appendChild(make("textarea", "visually-hidden", text));
      area.select();
      document.execCommand("copy");
      area.remove();
      copy.focus();
    }
    live.textContent = "The chain rule is copied as LaTeX.";
    copy.textContent = "copied";
    setTimeout(() => (copy.textContent = "copy as LaTeX"), 1500);
  }

  document.addEventListener("keydown", (event) => {
    if (!data || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return; // They have keys of their own.
    const inTable = event.target.closest("tbody");
    const moves = { ArrowRight: 1, ArrowLeft: -1, ...(inTable ? { ArrowDown: 1, ArrowUp: -1 } : {}) };
    if (event.key in moves) go(at + moves[event.key]);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(total());
    else if (event.key === " " && !event.target.closest("button, a, summary")) playing(timer === null);
    else return;
    event.preventDefault();
    if (inTable) table.rows[Math.max(0, walked() - 1)]?.button.focus();
  });

  const page = {
    onstep: null,
    get step() { return at; },
    set step(position) { go(position); },
    get steps() { return total(); },
    /** Draw other data; the page stands at the step given, or at the start. */
    show(given, { step = 0 } = {}) {
      data = given;
      const { page: drawn } = data, output = drawn.nodes.find((node) => node.name === data.output);
      const how = output.formula ? [formula(output.formula), " = "] : [];
      title.replaceChildren(formula(data.output), " = ", ...how, `${output.shape} ${output.value}`.trim());
      about.textContent = `${drawn.forward.length} values forward, ${drawn.steps.length} edges back, in ${data.dtype}`;
      graph = drawGraph(drawn, (number) => go(forward() + number), (node) => go(1 + drawn.forward.indexOf(node)));
      table = drawTable(data, (number) => go(forward() + number));
      canvas.replaceChildren(graph.svg);
      graph.svg.style.setProperty("--natural", `${graph.width}px`);
      key.replaceChildren(legend(drawn.axis));
      rows.replaceChildren(table.table);
      list.replaceChildren();
      rendered = 0;
      slider.max = total();
      maps.hidden = drawn.scalar;
      go(step, { quiet: true });
    },
  };
  return page;
}

/** Scroll a list, and not the page, so that an element of it can be seen. */
function within(list, element) {
  if (!element) return list.scrollTo({ top: 0 });
  const [outer, inner] = [list.getBoundingClientRect(), element.getBoundingClientRect()];
  const hidden = inner.top < outer.top + 48 || inner.bottom > outer.bottom; // 48: the head of the table stays in sight.
  if (hidden) list.scrollTop += inner.top - outer.top - outer.height / 2;
}
