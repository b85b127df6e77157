// The table: a row for every step of the walk, with a bar on a logarithmic axis.

import { colours, formula, make, share, ticks } from "./looks.js";

/** The table of a page's data; `onstep` is told which row was chosen. */
export function drawTable(data, onstep) {
  const { page } = data, { axis } = page;
  const scalars = ["upstream", "×\u00a0local", "=\u00a0downstream"];
  const norms = ["‖upstream‖", "mean |local|", "‖downstream‖"];
  const titles = ["step", "edge", "local derivative", ...(page.scalar ? scalars : norms)];
  const scale = make("span", "ticks", ticks(axis), { "aria-hidden": "true" });
  const size = make("span", "visually-hidden", "size on a logarithmic axis");
  const head = titles.map((text, i) => make("th", i > 2 || !i ? "right" : "", text, { scope: "col" }));
  head.push(make("th", "bars", [size, scale], { scope: "col" }));
  const rows = page.steps.map((step, i) => drawRow(data, step, i, onstep));
  const body = make("tbody", "", rows.map(({ row }) => row));
  const table = make("table", "steps", [make("thead", "", make("tr", "", head)), body]);
  table.style.setProperty("--intervals", Math.max(1, axis.ticks.length - 1));
  return { table, rows };
}

/** One step: its numbers in five digits, and in full where one points. */
function drawRow({ page, steps }, step, i, onstep) {
  const cell = (key) => make("td", "right number", make("span", "", step[key] ?? ""), {
    title: typeof steps[i][key] === "number" ? steps[i][key] : null,
  });
  const edge = [formula(page.nodes[step.output].name), " → ", formula(page.nodes[step.input].name)];
  const button = make("button", "edge", edge, { type: "button", tabindex: -1 });
  const bar = make("span", "bar");
  bar.style.width = step.log10 === null ? "0" : `${Math.max(0.8, 100 * share(step.log10, page.axis))}%`;
  if (step.log10 !== null) bar.style.background = colours(step.log10, page.axis)[0];
  const row = make("tr", "ahead", [
    make("td", "right", `${i + 1}`), make("td", "", button), make("td", "", formula(step.formula)),
    cell("upstream"), cell("local"), cell("downstream"), make("td", "bars", bar),
  ], { onclick: () => onstep(i + 1) });
  return { row, button };
}
