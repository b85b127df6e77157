// Looks: elements, formulas and colours. Whatever comes from a trace becomes a text node, and so can only be text.

const SVG = "http://www.w3.org/2000/svg";
// Plasma, which fades from light to dark as a gradient does, and which nearly everybody can read.
const STOPS = [[61, 4, 156], [126, 3, 168], [204, 71, 120], [248, 149, 64], [240, 236, 60]];

/** An HTML element with a class, children and properties. */
export function make(tag, look = "", children = [], properties = {}) {
  return furnished(document.createElement(tag), look, children, properties);
}

/** An SVG element, likewise. */
export function draw(tag, look = "", children = [], attributes = {}) {
  return furnished(document.createElementNS(SVG, tag), look, children, attributes);
}

function furnished(element, look, children, attributes) {
  if (look) element.setAttribute("class", look);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...[children].flat().filter((child) => child !== null));
  return element;
}

/** Text of at most so many letters. */
export const clipped = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** A formula as it is set in books: letters in italics, their numbers below the line. */
export function formula(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(/(?<![\w.])([A-Za-z])(\d*)(?!\w)/g)) {
    parts.push(text.slice(end, match.index), make("var", "", match[1]));
    if (match[2]) parts.push(make("sub", "", match[2]));
    end = match.index + match[0].length;
  }
  return make("span", "formula", [...parts, text.slice(end)]);
}

/** dy/dx, or ∂y/∂x, as a fraction; read as text it is just that. */
export function fraction(d, above, below) {
  const line = (name) => make("span", "", [d, formula(clipped(name, 14))]);
  return make("span", "fraction", [line(above), make("span", "slash", "/"), line(below)]);
}

/** Where on the axis of powers of ten a logarithm lies, from 0 to 1. */
export function share(log10, axis) {
  return Math.min(1, Math.max(0, (log10 - axis.low) / (axis.high - axis.low)));
}

/** The colour of a logarithm, and the one of black and white that is read better on it. */
export function colours(log10, axis) {
  const place = share(log10, axis) * (STOPS.length - 1);
  const i = Math.min(Math.floor(place), STOPS.length - 2);
  const rgb = STOPS[i].map((low, c) => Math.round(low + (STOPS[i + 1][c] - low) * (place - i)));
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return [`rgb(${rgb})`, 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff"];
}

/** The numbers on the axis, each at its place. */
export function ticks(axis) {
  return axis.ticks.map((tick) => {
    const mark = make("span", "tick", power(tick));
    mark.style.left = `${100 * share(tick, axis)}%`;
    return mark;
  });
}

/** A power of ten with a raised exponent. */
function power(exponent) {
  if (exponent === 0) return make("span", "", "1");
  return make("span", "", ["10", make("sup", "", `${exponent}`.replace("-", "−"))]);
}

/** A small array as a map of its elements: blue below 0, white at 0, orange above; each tells its number. */
export function heat(values, room = 150) {
  const rows = (Array.isArray(values[0]) ? values : [values]).map((row) => [row].flat(Infinity));
  const most = Math.max(...rows.flat().map((v) => Math.abs(v)).filter(Number.isFinite), Number.MIN_VALUE);
  const cell = Math.max(4, Math.min(18, room / Math.max(rows.length, rows[0].length)));
  const cells = rows.flatMap((row, i) => row.map((value, j) => {
    const part = Math.min(1, Math.abs(value) / most) || 0;
    const end = value < 0 ? [33, 102, 172] : [214, 96, 20];
    const fill = `rgb(${end.map((c) => Math.round(255 + (c - 255) * part))})`;
    const place = { x: j * cell, y: i * cell, width: cell - 0.5, height: cell - 0.5, fill };
    return draw("rect", "", draw("title", "", `[${i}, ${j}] ${value}`), place);
  }));
  const [width, height] = [rows[0].length * cell, rows.length * cell];
  const label = `heat map of ${rows.length} × ${rows[0].length} numbers up to ${most.toPrecision(4)} in size`;
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  return draw("svg", "heat", cells, { ...size, role: "img", "aria-label": label });
}
