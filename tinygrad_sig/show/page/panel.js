// The panel: what happens at this step, in large letters, and the chain rule that has grown so far.

import { clipped, formula, fraction, heat, make } from "./looks.js";

/** One of the three that a step is about: what it is, its symbols, its number, and its array as a map if wanted. */
function operand(what, symbols, number, value, shape, arrays) {
  const title = Array.isArray(value) ? null : value; // the number in full
  const cells = [make("dt", "", what), make("dd", "symbols", symbols), make("dd", "number", number, { title })];
  if (shape) cells.push(make("dd", "shape", shape));
  if (arrays && Array.isArray(value) && value.length) cells.push(make("dd", "", heat(value)));
  return make("dl", "operand", cells);
}

const sign = (text) => make("span", "sign", text, { "aria-hidden": "true" });

/** The start: what there is to see. */
export function drawStart(data) {
  const { forward, steps, nodes } = data.page;
  const many = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
  const words = `${many(forward.length, "value")} computed forward, then ${many(steps.length, "edge")} back`;
  const hint = "→ and ← step, space plays; click an edge, a box or a row to go to it.";
  return make("div", "start", [make("p", "", words), make("p", "hint", hint)]);
}

/** A step forward: a value is computed from its inputs. */
export function drawForward(data, node, arrays) {
  const inputs = node.inputs.map((i) => data.page.nodes[i]);
  const given = inputs.flatMap(({ name, value, shape }, i) => {
    return [i ? ", " : "with ", formula(name), ` = ${`${shape} ${value}`.trim()}`];
  });
  return make("div", "", [
    make("div", "equation forward", [
      operand("forward", formula(node.name), node.value, node.exact, node.shape, arrays),
      sign("="),
      make("dl", "operand", [make("dt", "", node.op), make("dd", "symbols", formula(node.formula))]),
    ]),
    make("p", "sum", given),
  ]);
}

/** A step back: upstream × local = downstream, and what the input has received by now. */
export function drawStep(data, index, arrays) {
  const { page, output: y } = data, step = page.steps[index], full = data.steps[index];
  const [a, b] = [page.nodes[step.output].name, page.nodes[step.input].name];
  const [over, local, down] = page.scalar ? ["", "", ""] : step.shapes;
  const factor = [fraction("∂", a, b), make("span", "is", ["= ", formula(clipped(step.formula, 22))])];
  const carried = [make("span", "is", formula(clipped(step.formula, 30)))];
  const times = page.scalar || !step.linear;
  const what = !times ? "carried back by" : page.scalar ? "local derivative" : "local derivative, mean size";
  const { arrived, of } = step.sum, total = fraction("d", y, b);
  return make("div", "", [
    make("div", `equation${times ? "" : " carried"}`, [
      operand("upstream gradient", fraction("d", y, a), step.upstream, full.upstream, over, arrays),
      sign(times ? "×" : "→"),
      operand(what, times ? factor : carried, step.local ?? "", full.local, local, arrays),
      sign(times ? "=" : "→"),
      operand(of > 1 ? `downstream, ${arrived} of ${of}` : "downstream gradient", of > 1 ? ["to ", total] : total,
        step.downstream, full.downstream, down, arrays),
    ]),
    received(y, b, step),
  ]);
}

/** The sum at a node, as its parts arrive. */
function received(y, b, { sum, downstream }) {
  const total = fraction("d", y, b);
  if (sum.of === 1) return make("p", "sum", ["The only use of ", formula(b), ": this is all of ", total, "."]);
  const dots = Array.from({ length: sum.of }, (_, i) => make("span", i < sum.arrived ? "dot full" : "dot"));
  const adding = [...(sum.before === null ? [] : [sum.before, " + ", downstream, " = "]), make("b", "", sum.after)];
  const rest = sum.of - sum.arrived;
  const words = rest ? `${rest} more to come` : "all have arrived";
  return make("p", "sum several", [
    sum.of > 12 ? null : make("span", "dots", dots, { "aria-hidden": "true" }), total, " = ",
    make("span", "sum-numbers", adding), make("span", "hint", `${sum.arrived} of ${sum.of} uses; ${words}`),
  ]);
}

/** A line of the chain rule. */
export function chainLine(data, index) {
  const { page, output: y } = data, step = page.steps[index];
  const [a, b] = [page.nodes[step.output].name, page.nodes[step.input].name];
  const product = page.scalar || !step.linear ? [fraction("d", y, a), " · ", bracketed(step)] : [formula(step.formula)];
  const total = step.sum.arrived > 1 ? [", in all ", make("b", "", step.sum.after)] : [];
  const numbers = page.scalar ? ` = ${step.upstream} · ${step.local} = ` : " = ";
  const result = make("span", "numbers", [numbers, make("b", "", step.downstream), ...total]);
  return make("li", "", [fraction("d", y, b), step.sum.arrived > 1 ? " += " : " = ", ...product, result]);
}

/** The local derivative as a factor: in brackets where it is a sum, a quotient or negative. */
function bracketed({ formula: text }) {
  return formula(/[+−/]/.test(text.replace(/\(.*\)/, "")) ? `(${text})` : text);
}

/** The chain rule up to a step, as LaTeX. */
export function latex(data, count) {
  const lines = data.page.steps.slice(0, count).map((step) => step.latex);
  return ["\\begin{aligned}", lines.join(" \\\\\n"), "\\end{aligned}"].join("\n");
}
