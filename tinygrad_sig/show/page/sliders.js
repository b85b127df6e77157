// The sliders: a chain is turned, and the engine behind the page says what becomes of its gradient.
//
// The one idea: the state of the page is a query, the one in its address. Each control edits it, each change asks the
// engine, and what comes back is drawn; nothing is computed here.

import { mount } from "./core.js";
import { formula, make } from "./looks.js";

const FIVE = ["0.5", "-0.9", "0.8", "-0.6", "0.7"];
const RANGES = { x: [-4, 4, 0.1], depth: [1, 50, 1], weight: [-12, 12, 0.1], bias: [-8, 8, 0.1] };
const CHOICES = { activation: ["sigmoid", "tanh", "relu"], dtype: ["float64", "float32", "float16"] };

/** A block of data that the page holds. */
export function held(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** What a query asks for: numbers stay the texts that were typed; `weights` are null where one is for all. */
function parsed(query) {
  const given = new URLSearchParams(query), list = (name) => given.get(name)?.split(",") ?? null;
  const same = given.has("depth"), weights = same ? null : list("weights") ?? FIVE;
  return {
    x: given.get("x") ?? "1",
    depth: given.get("depth") ?? `${weights.length}`,
    weight: given.get("weight") ?? "1",
    bias: given.get("bias"),
    weights,
    biases: same ? null : list("biases"),
    activation: given.get("activation") ?? "sigmoid",
    dtype: given.get("dtype") ?? "float64",
  };
}

/** The query of a state, which parses to it again. */
function queried({ x, depth, weight, bias, weights, biases, activation, dtype }) {
  const layers = weights ? { weights: weights.join(","), biases: biases?.join(",") } : { depth, weight, bias };
  const given = Object.entries({ x, ...layers, activation, dtype }).filter(([, value]) => (value ?? null) !== null);
  return given.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`).join("&");
}

/** A slider and a field for one number; `changed` is told the new text. */
function dial(label, name, value, [min, max, step], changed) {
  const slider = make("input", "", [], { type: "range", min, max, step, "aria-label": `${name}, slider` });
  const field = make("input", "typed", [], {
    type: "text", inputmode: "decimal", size: 6, autocomplete: "off", spellcheck: "false", "aria-label": name,
  });
  slider.addEventListener("input", () => changed((field.value = slider.value)));
  field.addEventListener("input", () => {
    const text = field.value.trim();
    if (!text) return; // Half typed: the old number still holds.
    slider.value = text;
    changed(text);
  });
  [slider.value, field.value] = [value, value];
  return make("div", "dial", [make("span", "symbol", label), slider, field]);
}

/** Some words of which one holds. */
function choice(name, value, changed) {
  const options = CHOICES[name].map((text) => make("option", "", text, text === value ? { selected: "" } : {}));
  const select = make("select", "", options, { "aria-label": name, onchange: () => changed(select.value) });
  return make("label", "choice", [make("span", "", name), select]);
}

/** Something that is on or off. */
function tick(text, on, changed) {
  const checked = on ? "" : null, onchange = () => changed(box.checked);
  const box = make("input", "", [], { type: "checkbox", checked, onchange });
  return make("label", "tick-box", [box, text]);
}

/** Build the live page in an element, on an engine that loads, and answers queries. */
export function turning(root, engine) {
  const { situations, query: first = "" } = held("data");
  let state = null, wanted = null, busy = false, ready = false;
  const controls = make("div", "dials"), stage = make("div", "stepping");
  const alert = make("p", "refusal", [], { role: "alert" }), status = make("p", "loading", [], { role: "status" });
  const look = make("p", "look"), lost = make("p", "lost"), printed = make("p", "hint");
  const verdict = make("p", "verdict", [], { "aria-live": "polite" }), table = make("table", "compared");
  const buttons = situations.map(({ name, query }) => {
    return make("button", "", name, { type: "button", "aria-pressed": "false", onclick: () => open(query) });
  });
  const section = (kind, label, children) => make("section", kind, children, { "aria-label": label });
  const result = section("result", "what becomes of the gradient", [verdict, lost, table, printed]);
  root.replaceChildren(
    section("situations", "situations", [make("h2", "", "Worth seeing"), make("div", "row", buttons), look]),
    make("div", "turning", [section("chain-of", "the chain", controls), result]), alert, status, stage,
  );
  const page = mount(stage);
  [result.hidden, stage.hidden] = [true, true];

  /** Take a whole query, and build the controls that fit it. */
  function open(query) {
    state = parsed(query);
    build();
    move();
  }

  /** One thing changes; controls are built anew where there are others now. */
  function change(part, rebuild = false) {
    Object.assign(state, part);
    if (rebuild) build();
    move();
  }

  function build() {
    const { x, depth, bias, weights, biases } = state;
    const at = (list, i, text) => list.map((old, j) => (j === i ? text : old));
    const weighed = (i) => (text) => change({ weights: at(state.weights, i, text) });
    const shifted = (i) => (text) => change({ biases: at(state.biases, i, text) });
    const layers = weights?.map((w, i) => make("div", "layer", [
      dial(formula(`w${i + 1}`), `weight of layer ${i + 1}`, w, RANGES.weight, weighed(i)),
      biases && dial(formula(`b${i + 1}`), `bias of layer ${i + 1}`, biases[i], RANGES.bias, shifted(i)),
    ]));
    const all = (name, label, key) => {
      return dial(formula(name), `${label} of all layers`, state[key], RANGES[key], (text) => change({ [key]: text }));
    };
    controls.replaceChildren(
      make("div", "chooses", [
        choice("activation", state.activation, (activation) => change({ activation })),
        choice("dtype", state.dtype, (dtype) => change({ dtype })),
        tick("one weight for all", !weights, single), tick("biases", (weights ? biases : bias) !== null, biased),
      ]),
      dial(formula("x"), "x", x, RANGES.x, (text) => change({ x: text })),
      dial("layers", "layers", depth, RANGES.depth, deeper),
      ...(layers ? [make("div", "layers", layers)] : [all("w", "weight", "weight")]),
      ...(layers || bias === null ? [] : [all("b", "bias", "bias")]),
    );
  }

  function single(on) {
    const { weights, biases, bias, depth } = state;
    if (on) {
      const first = { weight: weights[0], bias: biases?.[0] ?? null };
      change({ depth: `${weights.length}`, ...first, weights: null, biases: null }, true);
    } else change(longer({ weights: [], biases: bias === null ? null : [] }, depth), true);
  }

  function biased(on) {
    change(state.weights ? { biases: on ? state.weights.map(() => "0") : null } : { bias: on ? "0" : null }, true);
  }

  /** So many layers; a field that is half typed changes no lists. */
  function deeper(text) {
    if (!state.weights) return change({ depth: text });
    if (/^\d+$/.test(text) && text >= 1 && text <= RANGES.depth[1]) {
      return rebuilt(() => change({ depth: text, ...longer(state, text) }, true));
    }
    refuse(`layers: ${text} is no depth here; give a whole number from 1 to ${RANGES.depth[1]}`);
  }

  /** Rebuild the controls, and leave the focus at the one that it was at. */
  function rebuilt(act) {
    const name = document.activeElement?.getAttribute("aria-label");
    act();
    controls.querySelector(`[aria-label="${name}"]`)?.focus();
  }

  /** Lists of this length: new layers are like the last one. */
  function longer({ weights, biases }, depth) {
    const length = Math.min(depth, RANGES.depth[1]) || 1;
    const fit = (list, rest) => list && Array.from({ length }, (_, i) => list[i] ?? list.at(-1) ?? rest);
    return { weights: fit(weights, state.weight), biases: fit(biases, state.bias ?? "0") };
  }

  /** The state goes into the address, and to the engine; while that works, only the latest is kept for it. */
  async function move() {
    wanted = queried(state);
    history.replaceState(null, "", `#${wanted}`);
    const situation = situations.findIndex(({ query }) => queried(parsed(query)) === wanted);
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === situation));
    look.textContent = situations[situation]?.look ?? "Turn a slider, type a number, or open one of these.";
    if (busy || !ready) return;
    busy = true;
    while (wanted !== null) {
      const query = wanted;
      wanted = null;
      try {
        draw(await engine.ask(query));
      } catch (error) {
        refuse(error.message);
      }
      root.dataset.answered = query;
    }
    busy = false;
  }

  function refuse(sentence) {
    alert.textContent = sentence;
    root.classList.add("stale");
  }

  /** What the engine said; the step stays the last one, or the same one where the chain has as many steps. */
  function draw({ show, said }) {
    const before = stage.hidden ? null : { at: page.step, of: page.steps };
    alert.textContent = "";
    root.classList.remove("stale");
    [result.hidden, stage.hidden] = [false, false];
    verdict.textContent = said.verdict;
    lost.textContent = said.lost;
    table.replaceChildren(make("tbody", "", said.compared.map(([name, value, remark]) => {
      const head = make("th", "", name, { scope: "row" });
      return make("tr", "", [head, make("td", "number", value), make("td", "", remark)]);
    })));
    printed.textContent = said.printed;
    page.show(show, { step: Infinity });
    if (before && before.of === page.steps && before.at !== before.of) page.step = before.at;
  }

  addEventListener("hashchange", () => open(location.hash.slice(1)));
  open(location.hash.slice(1) || first);
  engine.load((text) => (status.textContent = text)).then(() => {
    status.textContent = "";
    ready = true;
    move();
  }, (error) => {
    status.textContent = "";
    refuse(error.message);
  });
}
