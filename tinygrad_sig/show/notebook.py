"""Notebook: how traces, tables, programs and small Tensors look in a cell. Where no HTML is shown, their text is.

Every view brings its style, which reaches no further than the view. It has no colours for light and dark: lines, bars
and words are mixed from the colour of the text around them, and so fit whatever page and theme they stand in.
"""

import io
import keyword
import math
import tokenize
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from ..formulas.symbols import forward, write
from .text import (
    HEADERS,
    SHARES,
    brackets,
    clipped,
    excerpt,
    leaf_cells,
    length,
    letters,
    log10,
    number,
    percent,
    size,
    step_cells,
)

STYLE = """<style>
.tinygrad-sig.tinygrad-sig {
  --blue: color-mix(in srgb, #2878c8 75%, currentColor); --red: color-mix(in srgb, #d05000 75%, currentColor);
  --line: color-mix(in srgb, currentColor 35%, transparent); --shade: color-mix(in srgb, currentColor 7%, transparent);
  overflow-x: auto; padding-bottom: .5em;
  & table { border-collapse: collapse; border: 0; margin: 0 0 .6em; font-size: 13px; width: auto;
    color: inherit; }
  & caption { text-align: left; white-space: nowrap; color: inherit; font-weight: 600; padding: .2em .6em; }
  & th, & td { text-align: right; white-space: nowrap; padding: .1em .6em; border: 0; max-width: none;
    vertical-align: middle; line-height: 1.5; font-variant-numeric: tabular-nums; }
  & thead th { border-bottom: 1px solid var(--line); font-weight: 600; }
  & tbody tr:nth-child(n) { background: none; }
  & tbody tr:nth-child(n):hover { background: var(--shade); }
  & .left { text-align: left; }
  & .code, & pre { font-family: var(--jp-code-font-family, var(--vscode-editor-font-family, monospace)); }
  & .axis { text-align: left; width: 14em; min-width: 12em; }
  & .axis div { display: flex; justify-content: space-between; font-weight: 400; font-size: .85em; }
  & th.axis { padding: .1em 0; }
  & td.axis { padding: .1em 0; background: repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px
    var(--decade)); border-right: 1px solid var(--line); }
  & .axis i { display: block; height: .8em; min-width: 2px; background: var(--blue); border-radius: 0 2px 2px 0; }
  & .note { text-align: left; font-size: 13px; margin: 0 .6em; opacity: .8; }
  & .wrong { color: var(--red); }
  & pre { line-height: 1.4; margin: 0; font-size: 13px; color: inherit; background: none; }
  & pre b { color: var(--blue); font-weight: 600; }
  & pre i { color: color-mix(in srgb, #2a9d3f 70%, currentColor); font-style: normal; }
  & pre em { opacity: .65; }
  & .pair { display: flex; flex-wrap: wrap; gap: 0 2em; }
  & svg { display: block; width: 14em; height: 1.5em; overflow: visible; }
  & polyline { fill: none; stroke: var(--blue); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
}
</style>"""
SMALL = 10  # rows and columns: what one takes in at a glance
NEAR = 1e-6  # in a logarithm: a power of ten with its rounding


class Cell(NamedTuple):
    """What stands in a table, and what is told of it in full where one points at it."""

    text: str
    title: str = ""


class Drawing(str):
    """What is HTML already, and stands in a cell as it is."""

    __slots__ = ()


Row = Any  # Cells, of which the last is log10 of a size for the bar; or a line that stands in place of one.


def view(thing: Any) -> str | None:
    """The HTML of whatever has a view; None for what is shown as text."""
    for kind in type(thing).__mro__:
        if kind.__name__ in VIEWS:
            return VIEWS[kind.__name__](thing)
    return None


def framed(*parts: str) -> str:
    return "\n".join([f'{STYLE}<div class="tinygrad-sig">', *parts, "</div>"])


def table(what: str, header: Sequence[str], rows: Sequence[Row], align: str, scale: Iterable[float] = ()) -> str:
    """A table whose rows end in log10 of a size, which becomes a bar; `align` has <, > or c, for code, by column.

    The bars tell `what`, and start at the power of ten below all sizes and those of the scale.
    """
    sizes = [*scale, *(row[-1] for row in rows if not isinstance(row, str))]
    finite = list(filter(math.isfinite, sizes)) or [0.0]
    low, high = math.ceil(min(finite) - NEAR) - 1, math.ceil(max(finite) - NEAR)
    decade = f"--decade:{100 * math.ceil((high - low) / 8) / (high - low):.4g}%"
    kinds = [{"<": ' class="left"', "c": ' class="left code"'}.get(side, "") for side in align]
    heads = [kind.replace(" code", "") for kind in kinds]
    ends = "<span>10<sup>{}</sup></span>".format

    def line(row: Row) -> str:
        if isinstance(row, str):
            return f'<tr><td class="left" colspan="{len(header) + 1}">{escape(row)}</td></tr>'
        *cells, size = row
        bar = f'<i style="width:{100 * (size - low) / (high - low):.4g}%"></i>' if math.isfinite(size) else ""
        return f'<tr>{"".join(map(cell, cells, kinds))}<td class="axis" style="{decade}">{bar}</td></tr>'

    titles = "".join(f"<th{kind}>{escape(title)}</th>" for title, kind in zip(header, heads, strict=True))
    axis = f'<th class="axis"><div>{ends(low)}<span>{escape(what)}</span>{ends(high)}</div></th>'
    return "\n".join([f"<table><thead><tr>{titles}{axis}</tr></thead><tbody>", *map(line, rows), "</tbody></table>"])


def cell(content: Cell | str, kind: str = "") -> str:
    if isinstance(content, Drawing):
        return f"<td>{content}</td>"
    text, title = content if isinstance(content, Cell) else (content, "")
    told = f' title="{escape(clipped(title, 400))}"' if title and title != text else ""
    return f"<td{kind}{told}>{escape(text)}</td>"


def note(text: str, kind: str = "note") -> str:
    return f'<div class="{kind}">{escape(text)}</div>'


def full(value: Any) -> str:
    """A number with all of its digits; of an array what one can say in a line."""
    value = np.asarray(value)
    if value.size == 1:
        return str(value.item() if value.dtype == np.float64 else value.reshape(())[()])
    shape = f"{'×'.join(map(str, value.shape))} {value.dtype}"
    if not value.size:
        return shape
    return f"{shape} of length {length(value)!r}, from {full(np.min(value))} to {full(np.max(value))}"


def trace(trace: Any, limit: int | None = 40) -> str:
    """The steps with a bar each, and what every leaf receives, on the same axis."""

    def row(step: Any) -> Row:
        texts = step_cells(trace, step, 40)
        told = [full(step.upstream), full(step.factor if trace.scalar else step.local), full(step.downstream)]
        if trace.scalar:
            told[2] = f"{told[0]} × {told[1]} = {told[2]}"
        edge = f"{step}, an edge of {step.op}"
        titles = [
            "",
            edge,
            step.formula,
            *[""] * (not trace.scalar),
            told[0],
            "" if step.local is None else told[1],
            told[2],
        ]
        return [*map(Cell, texts, titles), size(trace, step)]

    def received(leaf: Any) -> Row:
        name, text = leaf_cells(trace, leaf, 40)
        magnitude = trace.magnitudes[leaf][0] if trace.scalar else log10(trace.gradient(leaf))
        return [name, Cell(text, full(trace.gradient(leaf))), magnitude]

    header = HEADERS[trace.scalar]
    steps = excerpt(row, trace.steps, limit, "… {:,} steps left out …")
    leaves = excerpt(received, trace.leaves, limit, "… {:,} leaves left out …")
    scale = [row[-1] for row in (*steps, *leaves) if not isinstance(row, str)]
    formula = [clipped(write(forward(trace.output, trace.names.__getitem__)), 60)] if steps else []
    parts = [note(" = ".join([clipped(trace.names[trace.output], 40), *formula, full(trace.output.data)]))]
    if steps:
        parts.append(table("downstream", header, steps, "><c" + ">" * (len(header) - 3), scale))
    parts.append(table("gradient", ["leaf", "receives"], leaves, "<>", scale))
    cells = [row for row in steps if not isinstance(row, str)]
    foot = brackets(trace, [cell.text for row in cells for cell in row[3:6]])
    foot += letters(trace, [row[2].text for row in cells])
    return framed(*parts, *map(note, foot))


def layers(layers: Any, limit: int | None = 40) -> str:
    """The layers of a chain, with a bar for what is left of the gradient after each."""

    def row(layer: Any) -> Row:
        exact = layer.weight, layer.preactivation, layer.local_derivative, layer.factor, layer.gradient, layer.share
        titles = ["", *map(full, exact)]
        titles[4] = f"{titles[1]} × {titles[3]} = {titles[4]}"
        return [*map(Cell, layers.cells(layer), titles), layer.running]

    rows = excerpt(row, layers, limit, "… {:,} layers left out …")
    shown = table("running product", layers.header, rows, ">" * len(layers.header), [0.0])
    return framed(shown, note(layers.conclusion))


def norms(norms: Any) -> str:
    """The layers of a network, with a bar for the gradient of each."""

    def row(layer: Any) -> Row:
        sizes = layer.gradient, layer.weight, layer.ratio
        shares = [getattr(layer, share) for share in layer._fields[3:]]
        numbers = [Cell(number(size), full(size)) for size in sizes]
        return [clipped(layer.layer, 40), *numbers, *map(percent, shares), log10(layer.gradient)]

    shares = norms[0]._fields[3:] if norms else ()
    header = ["layer", "‖gradient‖", "‖weight‖", "ratio", *shares]
    return framed(table("‖gradient‖", header, [*map(row, norms)], "<" + ">" * (len(header) - 1)), *map(note, SHARES))


def history(history: Any) -> str:
    """The layers over the steps: of each a curve on a logarithmic axis that is the same for all, and the latest."""
    found = {layer: [log10(size) for size in sizes] for layer, sizes in history.series().items()}
    finite = [size for sizes in found.values() for size in sizes if math.isfinite(size)] or [0.0]
    low, high = min(finite), max(finite)

    def row(layer: str, logs: list[float]) -> Row:
        known = [row for norms in history for row in norms if row.layer == layer]
        sizes = [row.gradient for row in known]
        numbers = [Cell(number(size), full(size)) for size in (sizes[0], sizes[-1], np.min(sizes), np.max(sizes))]
        return [clipped(layer, 40), *numbers, curve(logs, low, high), log10(sizes[-1])]

    header = ["layer", "first", "latest", "smallest", "largest", "over the steps"]
    shown = table("latest", header, [row(*pair) for pair in found.items()], "<>>>><") if found else ""
    count = note(f"‖gradient‖ at {len(history):,} step{'s' * (len(history) != 1)}")
    return framed(count, shown, *(note(warning, "note wrong") for warning in history.warnings))


def curve(values: Sequence[float], low: float, high: float) -> Drawing:
    """A small line through at most 300 of the values; those that are not finite are left out."""
    every = range(0, len(values), 1 + len(values) // 300)
    points = [(x, values[x]) for x in every if math.isfinite(values[x])]
    scaled = " ".join(f"{x},{20 * (high - y) / ((high - low) or 1):.1f}" for x, y in points)
    box = f'viewBox="0 0 {max(1, len(values) - 1)} 20" preserveAspectRatio="none"'
    return Drawing(f'<svg {box} role="img" aria-label="over the steps"><polyline points="{scaled}"/></svg>')


def report(report: Any, limit: int | None = 40) -> str:
    """The comparisons of a check, with a bar for the error as a part of what is allowed."""

    def row(c: Any) -> Row:
        numbers = [Cell(f"{x:.5g}", full(x)) for x in (c.analytic, c.numeric)]
        sizes = [Cell(f"{x:.1e}", full(x)) for x in (c.error, c.tolerance)]
        cells = [Cell(clipped(c.input + c.entry, 40), c.input + c.entry), *numbers, *sizes, c.method.removeprefix("a ")]
        return [str(c.order), c.mode, *cells, log10(c.excess)]

    header = ["order", "mode", "input", "analytic", "numeric", "error", "allowed", "method"]
    failed = sum(not c.passed for c in report)
    count = f"{len(report):,} comparison{'s' * (len(report) != 1)}, " + (
        f"{failed:,} failed" if failed else "all agree"
    )
    rows = excerpt(row, report, limit, "… {:,} comparisons left out …")
    return framed(
        note(count, "note wrong" if failed else "note"), table("error ÷ allowed", header, rows, "><<>>>><", [0.0])
    )


def program(program: Any) -> str:
    """The source of a program, its keywords, names, numbers and comments told apart."""
    return framed(f"<pre>{highlighted(str(program))}</pre>")


def highlighted(source: str) -> str:
    """Python as HTML; as it stands, where it is none."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return escape(source)
    lines = source.splitlines(keepends=True)
    parts, before, end = [], "", (1, 0)
    for token in tokens:
        (row, column), (last, until) = end, token.start
        for line in range(row, min(last, len(lines)) + 1):
            parts.append(escape(lines[line - 1][column if line == row else 0 : until if line == last else None]))
        tag = tag_of(token, before)
        parts.append(f"<{tag}>{escape(token.string)}</{tag}>" if tag else escape(token.string))
        before, end = token.string, token.end
    return "".join(parts)


def tag_of(token: tokenize.TokenInfo, before: str) -> str:
    if token.type == tokenize.NAME and (keyword.iskeyword(token.string) or before == "def"):
        return "b"
    return {tokenize.NUMBER: "i", tokenize.STRING: "i", tokenize.COMMENT: "em"}.get(token.type, "")


def tensor(tensor: Any) -> str | None:
    """A small Tensor and its gradient, each number on a ground as dark as it is large; None for a large one."""
    value, gradient = tensor.data, tensor.grad
    gradient = getattr(gradient, "_array", gradient)
    grids = [value] if gradient is None else [value, gradient]
    if not all(isinstance(grid, np.ndarray | np.generic) for grid in grids):
        return None  # What is lazy is not computed for being looked at.
    if value.ndim > 2 or not value.size or max(value.shape, default=1) > SMALL:
        return None
    called = [clipped(tensor.name, 40)] if tensor.name else []
    called += [tensor.op] if tensor.op else []
    shape = "×".join(map(str, value.shape))
    about = ", ".join([*called, *[shape] * bool(shape), str(value.dtype)])
    why = "not computed: no backward pass has come here" if tensor.requires_grad else "not computed: a constant"
    right = note(f"gradient {why}") if gradient is None else grid("gradient", gradient)
    return framed(note(about), f'<div class="pair">{grid("value", value)}{right}</div>')


def grid(title: str, array: Any) -> str:
    """The numbers of an array of one or two axes."""
    rows = np.atleast_2d(array)
    largest = float(np.max(np.abs(rows), where=np.isfinite(rows), initial=0)) or 1.0

    def box(value: Any) -> str:
        share = min(abs(float(value)) / largest, 1.0) if np.isfinite(value) else 0.0
        hue = f"color-mix(in srgb, var(--{'red' if value < 0 else 'blue'}) {40 * share:.0f}%, transparent)"
        return f'<td style="background:{hue}" title="{escape(full(value))}">{escape(number(value))}</td>'

    lines = "".join(f"<tr>{''.join(map(box, row))}</tr>" for row in rows)
    return f"<table><caption>{title}</caption><tbody>{lines}</tbody></table>"


VIEWS: dict[str, Callable[[Any], str | None]] = {
    "GradientTrace": trace,
    "Layers": layers,
    "GradientNorms": norms,
    "GradientHistory": history,
    "GradientReport": report,
    "Program": program,
    "Tensor": tensor,
}
