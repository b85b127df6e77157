"""Graphs: DOT, Mermaid and SVG. Solid arrows go forward with the values, dashed ones back with the gradients.

The one idea: what is drawn are boxes and arrows, the same for every language. A block that a deep chain repeats is
folded into one box, so that a graph of any depth fits a page.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..formulas.symbols import PRODUCT, TEXT, bracketed, derivative, forward, write
from .text import brackets, clipped, downstream, mean_size, shown, size

BLOCK = 32  # The most nodes that a repeated block may have.
KEPT = 2  # So many blocks are shown before and after those that are folded.
FEWEST = 6  # The fewest nodes that are worth a fold.
THIN, THICK = 0.5, 6.0  # The widths of an arrow back that carries 0, or the least, and of that which carries most.
BUNDLE = 3  # More arrows than these between a box and a fold are drawn as one, and counted.


class Box(NamedTuple):
    """What is drawn as one box: a leaf, a constant, a computed tensor, or a fold."""

    id: str
    kind: str
    lines: tuple[str, ...]


class Arrow(NamedTuple):
    """An edge: forward from source to target, and back with this text; None where no gradient goes back.

    `size` is log10 of the gradient that it carries back.
    """

    source: str
    target: str
    back: str | None
    size: float


class Fold(NamedTuple):
    """So many blocks that are alike, with the computed tensors in them."""

    blocks: int
    nodes: Sequence[Any]


class Plan(NamedTuple):
    """What a drawing is made from: computed tensors in order, edges (x, node, position), values, folds, and boxes."""

    nodes: list[Any]
    edges: list[tuple[Any, Any, int]]
    values: dict[Any, Any]
    folds: dict[str, Fold]
    places: dict[Any, str]


def plan(trace: Any) -> Plan:
    """What is drawn of a trace, repeated blocks folded, and in which box."""
    nodes = list(dict.fromkeys(step.output for step in reversed(trace.steps)))
    edges = [(x, node, i) for node in nodes for i, x in enumerate(node.inputs) if x in trace.names]
    values = {x: node.arguments[i] for x, node, i in edges}  # What was computed with, whatever a leaf holds by now.
    folds = {f"fold{i}": fold for i, fold in enumerate(folded(nodes), 1)}
    return Plan(nodes, edges, values, folds, placed(trace, edges, folds))


def drawing(trace: Any) -> tuple[list[Box], list[Arrow]]:
    """The boxes and the arrows of a trace in the order of computation."""
    _, edges, values, folds, places = plan(trace)
    sizes = Counter(places.values())
    first = {id: tensor for tensor, id in reversed(places.items())}
    boxes = [
        fold_box(trace, folds[id], id, size) if id in folds else box(trace, first[id], id, values.get(first[id]))
        for id, size in sizes.items()
    ]
    return boxes, list(arrows(trace, edges, places, folds))


def placed(trace: Any, edges: Sequence[Any], folds: dict[str, Fold]) -> dict[Any, str]:
    """The box of every tensor; a leaf that nothing but one fold uses is a part of it."""
    places = {tensor: f"n{i}" for i, tensor in enumerate(trace.names)}
    for id, fold in folds.items():
        places.update(dict.fromkeys(fold.nodes, id))
    users: dict[Any, set[str]] = {}
    for x, node, _ in edges:
        if not x.inputs:
            users.setdefault(x, set()).add(places[node])
    places.update((leaf, *ids) for leaf, ids in users.items() if len(ids) == 1 and ids <= folds.keys())
    return places


def arrows(trace: Any, edges: Sequence[Any], places: dict[Any, str], folds: dict[str, Fold]) -> Iterator[Arrow]:
    """The arrows, each with its text."""
    for source, target, steps in bundles(trace, edges, places, folds):
        largest = max(size(trace, step) if step else -math.inf for step in steps)
        if len(steps) > 1:
            yield Arrow(source, target, f"{len(steps):,} edges" if any(steps) else None, largest)
        else:
            yield Arrow(source, target, back_text(trace, steps[0]) if steps[0] else None, largest)


def bundles(
    trace: Any, edges: Sequence[Any], places: dict[Any, str], folds: dict[str, Fold]
) -> Iterator[tuple[str, str, list[Any]]]:
    """An arrow for every edge between boxes, with its step, if any; many between a box and a fold are one."""
    steps = {(step.output, step.position): step for step in trace.steps}
    found: dict[tuple[str, str], list[Any]] = {}
    for x, node, i in edges:
        if places[x] != places[node]:
            found.setdefault((places[x], places[node]), []).append(steps.get((node, i)))
    for (source, target), bundle in found.items():
        if len(bundle) > BUNDLE and {source, target} & folds.keys():
            yield source, target, bundle
        else:
            yield from ((source, target, [step]) for step in bundle)


def box(trace: Any, tensor: Any, id: str, value: Any) -> Box:
    """The box of a tensor: its name and formula, its value, its gradient."""
    value = tensor.data if value is None else value  # Nothing was computed with the output.
    name, output = (clipped(trace.names[t], 30) for t in (tensor, trace.output))
    formula = f" = {clipped(write(forward(tensor, trace.names.__getitem__)), 40)}" if tensor.inputs else ""
    if tensor not in trace.gradients:
        return Box(id, "constant", (name, shown(value), f"gradient {trace.state(tensor)}"))
    gradient = shown(trace.gradients[tensor], *(trace.magnitudes[tensor] if trace.scalar else ()))
    kind = "computed" if tensor.inputs else "leaf"
    return Box(id, kind, (name + formula, shown(value), f"d{output}/d{name} = {gradient}"))


def fold_box(trace: Any, fold: Fold, id: str, size: int) -> Box:
    """The box of a fold: how often the block is repeated in it, from where to where, and how much it hides."""
    first, last = (clipped(trace.names[fold.nodes[i]], 20) for i in (0, -1))
    leaves = f", {size - len(fold.nodes):,} leaves" * (size > len(fold.nodes))
    count = f"{len(fold.nodes):,} operations{leaves}"
    return Box(id, "fold", (f"{fold.blocks:,} more such blocks", f"{first} … {last}", count))


def back_text(trace: Any, step: Any) -> str:
    """× local derivative = its number → downstream gradient; a linear map carries g back without a factor."""
    if step.local is None:
        return f"{clipped(step.formula, 30)} → {downstream(trace, step)}"
    local = derivative(step.output, step.position, trace.names.__getitem__)
    formula = clipped(bracketed(local, TEXT, PRODUCT), 30)
    if re.fullmatch(r"\(?−?[\d.]+\)?", formula):
        factor = ""
    elif trace.scalar:
        factor = f" = {shown(step.factor, step.log10, step.sign)}"
    else:
        factor = f", mean |·| {mean_size(step.local)},"
    return f"× {formula}{factor} → {downstream(trace, step)}"


def folded(nodes: Sequence[Any]) -> list[Fold]:
    """The folds, the largest first: stretches of equal blocks, without those that are shown at their ends.

    Two nodes are alike if their operations and shapes are, and their inputs lie equally far back. A stretch is one in
    which every node is like that of one block later; the blocks are counted from its end, where layers end too.
    """
    index = {node: i for i, node in enumerate(nodes)}
    known: dict[Any, int] = {}
    kinds = np.zeros(len(nodes), dtype=int)
    for i, node in enumerate(nodes):  # Of the inputs that are not computed 0 is a constant, −1 a leaf.
        back = (i - index[x] if x in index else -int(x.requires_grad) for x in node.inputs)
        kinds[i] = known.setdefault((node.op, node.shape, *back), len(known))
    found = []
    for period in range(1, BLOCK + 1):
        changes = np.diff(kinds[period:] == kinds[:-period], prepend=False, append=False)
        for start, end in np.flatnonzero(changes).reshape(-1, 2).tolist():
            blocks = (end - start) // period + 1 - 2 * KEPT
            if blocks > 1 and blocks * period >= FEWEST:
                found.append((blocks, period, end + period))
    taken = np.zeros(len(nodes), dtype=bool)
    folds = []
    for blocks, period, end in sorted(found, key=lambda stretch: (-stretch[0] * stretch[1], *stretch[1:])):
        last = end - KEPT * period
        first = last - blocks * period
        stretch = slice(first - KEPT * period, end)
        if not taken[stretch].any():
            taken[stretch] = True
            folds.append(Fold(blocks, nodes[first:last]))
    return folds


def to_dot(trace: Any, direction: str = "TB") -> str:
    """DOT. An arrow back is an edge forward with `dir=back`: so all edges go one way, and the graph does too."""
    if direction not in ("TB", "LR"):
        raise ValueError(f"to_dot: {direction!r} is no direction; give 'TB', top to bottom, or 'LR', left to right")
    boxes, arrows = drawing(trace)
    widths = thickness([a.size for a in arrows if a.back])
    legend = [
        "solid: forward, with the values",
        "dashed: back, × local derivative → downstream gradient, as thick as log |downstream|",
    ]
    legend += brackets(trace, [b.lines[-1] for b in boxes] + [a.back for a in arrows if a.back])
    styles = {
        "leaf": 'style="rounded,filled", fillcolor="#e8eef7"',
        "constant": 'style="rounded,filled", fillcolor="#eeeeee"',
        "computed": "style=solid",
        "fold": "style=dashed, peripheries=2",
    }
    lines = [
        "digraph trace {",
        f'  graph [rankdir={direction}, nodesep=0.4, fontname="Helvetica", fontsize=12, label={quoted(legend)}];',
        '  node [shape=box, fontname="Helvetica"];',
        '  edge [fontname="Helvetica", fontsize=12];',
        *(f"  {b.id} [{styles[b.kind]}, label={quoted(b.lines)}];" for b in boxes),
    ]
    for a in arrows:
        lines.append(f'  {a.source} -> {a.target} [label=" "];')  # The label keeps the two arrows apart.
        if a.back:
            look = f"dir=back, style=dashed, color=firebrick, fontcolor=firebrick, penwidth={next(widths):.2g}"
            lines.append(f"  {a.source} -> {a.target} [{look}, label={quoted([f' {a.back}'])}];")
    return "\n".join([*lines, "}", ""])


def thickness(sizes: Sequence[float]) -> Iterator[float]:
    """How thick each arrow back is, linear in the logarithm of what it carries."""
    finite = [log10 for log10 in sizes if math.isfinite(log10)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    for log10 in sizes:
        share = (log10 - low) / (high - low) if low < high else 0.25  # All alike: no thicker than need be.
        yield THIN if math.isnan(share) else THIN + (THICK - THIN) * min(max(share, 0.0), 1.0)


def quoted(lines: Sequence[str]) -> str:
    """Lines as a string of DOT, in which & begins an entity of HTML."""
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return f'"{text}"'


def to_mermaid(trace: Any) -> str:
    """Mermaid. It cannot lay out arrows that point back, so dashed lines have no head, and an ↑ in their text."""
    boxes, arrows = drawing(trace)
    shapes = {"leaf": ("([", "])"), "constant": ("([", "])"), "computed": ("[", "]"), "fold": ("[[", "]]")}
    lines = ["flowchart TB"]
    for b in boxes:
        opening, closing = shapes[b.kind]
        lines.append(f'  {b.id}{opening}"{"<br/>".join(map(entities, b.lines))}"{closing}')
    links = []
    for a in arrows:
        links.append(f"  {a.source} --> {a.target}")
        if a.back:
            links.append(f'  {a.source} -. "↑ {entities(a.back)}" .- {a.target}')
    if red := ",".join(str(i) for i, link in enumerate(links) if " -. " in link):
        links.append(f"  linkStyle {red} stroke:firebrick,color:firebrick")
    return "\n".join([*lines, *links, ""])


def entities(text: str) -> str:
    """Text in which no character means anything to Mermaid or HTML."""
    return "".join(c if c.isalnum() or c in " .,=()·×→+−'…‖" else f"#{ord(c)};" for c in text)


def to_svg(trace: Any, direction: str = "TB") -> str:
    import shutil
    import subprocess

    dot = shutil.which("dot")
    if dot is None:
        raise ValueError("to_svg: it is drawn by Graphviz, which is not installed; install it, or use to_mermaid")
    done = subprocess.run(
        [dot, "-Tsvg"], input=to_dot(trace, direction), capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout
