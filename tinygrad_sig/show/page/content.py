"""Content: all that the page shows of a trace, as data.

Every number is a text that Python has written, beside the number itself; the browser only computes where to draw.
"""

import math
from collections import Counter
from itertools import count
from typing import Any

import numpy as np

from ...formulas.symbols import LATEX, PRODUCT, bracketed, derivative, forward, latex_name, write
from ..data import exact, trace_dict
from ..graph import bundles, plan
from ..latex import factor, sized
from ..text import clipped, downstream, log10, mean_size, shown, size
from .layout import layout

MOST = 3_000  # steps that a page shows
SMALL = 400  # elements of an array that is drawn as a heat map


def page_data(trace: Any) -> dict[str, Any]:
    """`trace.to_dict()` and, under "page", the graph with its places, what each node holds, and what each step does.

    Large arrays are None in it. Raises ValueError where there are too many steps for a page.
    """
    if len(trace) > MOST:
        raise ValueError(f"page: {len(trace):,} steps are too many for a page, which shows {MOST:,}; use to_json")
    nodes, edges, values, folds, places = plan(trace)
    index = {tensor: i for i, tensor in enumerate(trace.names)}
    data = trace_dict(trace, SMALL)
    ids = list(dict.fromkeys(places.values()))
    arrows = list(bundles(trace, edges, places, folds))
    computed = {places[node] for node in nodes}
    spots, routes = layout(ids, {*ids} - computed, [(source, target) for source, target, _ in arrows])
    data["page"] = {
        "scalar": trace.scalar,
        "axis": axis(trace),
        "boxes": [
            {"id": id, "fold": folded(folds.get(id)), **spot._asdict()} for id, spot in zip(ids, spots, strict=True)
        ],
        "arrows": [
            {"source": a, "target": b, "steps": [s.number for s in steps if s], "route": list(map(list, route))}
            for (a, b, steps), route in zip(arrows, routes, strict=True)
        ],
        "nodes": [node(trace, tensor, places[tensor], values.get(tensor), index) for tensor in trace.names],
        "forward": [index[tensor] for tensor in nodes],
        "steps": steps(trace, index),
    }
    return data


def folded(fold: Any) -> list[str] | None:
    """The lines of the box of a fold; None for any other box."""
    return fold and [f"{fold.blocks:,} more such blocks", f"{len(fold.nodes):,} operations"]


def dimensions(value: Any) -> str:
    """The shape of an array, 64×4; nothing for a number."""
    return "×".join(map(str, np.shape(value)))


def finite(value: float) -> float | None:
    """A number that JSON knows."""
    return value if math.isfinite(value) else None


def node(trace: Any, tensor: Any, box: str, value: Any, index: dict[Any, int]) -> dict[str, Any]:
    """A tensor: what it is called, how it was computed, its value, its gradient and the state of that."""
    value = np.asarray(tensor.data if value is None else value)  # Nothing was computed with the output.
    found = {
        "name": trace.names[tensor],
        "box": box,
        "kind": "computed" if tensor.inputs else "leaf" if tensor.requires_grad else "constant",
        "op": tensor.op,
        "formula": clipped(write(forward(tensor, trace.names.__getitem__)), 60) if tensor.inputs else None,
        "inputs": [index[x] for x in dict.fromkeys(tensor.inputs) if x in index],
        "shape": dimensions(value),
        "value": shown(value),
        "exact": exact(value, SMALL),
        "state": trace.state(tensor),
    }
    if tensor in trace.gradients:
        gradient = np.asarray(trace.gradients[tensor])
        sizes = trace.magnitudes[tensor] if trace.scalar else ()
        log = sizes[0] if sizes else log10(gradient)
        found |= {
            "gradient": shown(gradient, *sizes),
            "gradient_exact": exact(gradient, SMALL),
            "log10": finite(log),
        }
    return found


def axis(trace: Any) -> dict[str, Any]:
    """The logarithmic axis that bars and colours share: whole powers of ten, of which few are written."""
    logs = [size(trace, step) for step in trace.steps] + [log10(trace.gradients[trace.output])]
    if trace.scalar:
        logs += [log for log, _ in trace.magnitudes.values()]
    found = [log for log in logs if math.isfinite(log)] or [0.0]
    low, high = math.floor(min(found)), math.ceil(max(found))
    apart = next(d for k in count() for d in (10**k, 2 * 10**k, 5 * 10**k) if -(-high // d) - low // d <= 4)
    low, high = low // apart * apart, -(-high // apart) * apart
    low -= apart * (low == high)
    return {"low": low, "high": high, "ticks": list(range(low, high + 1, apart))}


def steps(trace: Any, index: dict[Any, int]) -> list[dict[str, Any]]:
    """What each step multiplies, and what its input has received by then."""
    uses = Counter(step.input for step in trace.steps)
    arrived: Counter[Any] = Counter()
    sums: dict[Any, Any] = {}
    said: dict[Any, str] = {}
    found = []
    for step, sizes in zip(trace.steps, trace.arrivals if trace.scalar else [()] * len(trace), strict=True):
        x = step.input
        with np.errstate(all="ignore"):  # The walk has added the same, and whoever ran it has been warned.
            part = np.asarray(step.downstream)
            sums[x] = sums[x] + part if x in sums else part
        arrived[x] += 1
        log = size(trace, step)
        texts = {
            "formula": clipped(step.formula, 60),
            "upstream": shown(step.upstream, *(trace.magnitudes[step.output] if trace.scalar else ())),
            "local": local(trace, step),
            "downstream": downstream(trace, step),
        }
        sum = {
            "before": said.get(x),
            "after": shown(sums[x], *sizes),
            "exact": exact(sums[x], SMALL),
            "arrived": arrived[x],
            "of": uses[x],
        }
        said[x] = sum["after"]
        found.append(
            texts
            | {
                "output": index[step.output],
                "input": index[x],
                "linear": step.local is None,
                "log10": finite(log),
                "shapes": [dimensions(v) for v in (step.upstream, step.local, step.downstream)],
                "sum": sum,
                "sentence": sentence(trace, step, texts, sum),
                "latex": latex(trace, step, sum, sums[x], sizes),
            }
        )
    return found


def local(trace: Any, step: Any) -> str | None:
    """The local derivative as a number; of an array its mean size, and nothing where there is no factor."""
    if trace.scalar:
        return shown(step.factor, step.log10, step.sign)
    return None if step.local is None else mean_size(step.local)


def sentence(trace: Any, step: Any, texts: dict[str, Any], sum: dict[str, Any]) -> str:
    """The step in words, for who hears the page."""
    y, a, b = (trace.names[tensor] for tensor in (trace.output, step.output, step.input))
    if trace.scalar:
        product = f"{texts['upstream']} times {texts['formula']}, {texts['local']}, is {texts['downstream']}"
    elif step.local is None:
        product = f"{texts['upstream']} is carried back by {texts['formula']} as {texts['downstream']}"
    else:
        product = f"{texts['upstream']} times {texts['formula']}, {texts['local']} on average, is {texts['downstream']}"
    if sum["of"] == 1:
        received = f"that is all of d{y}/d{b}"
    else:
        received = f"part {sum['arrived']} of {sum['of']} of d{y}/d{b}, which makes {sum['after']} so far"
    return f"Step {step.number}, from {a} back to {b}: {product}; {received}."


def latex(trace: Any, step: Any, sum: dict[str, Any], received: Any, sizes: tuple[float, ...]) -> str:
    """The step as a line of an aligned environment; what a further use adds is written as +=."""
    y, a, b = (latex_name(trace.names[tensor]) for tensor in (trace.output, step.output, step.input))
    upstream, downstream = (rf"\frac{{\partial {y}}}{{\partial {name}}}" for name in (a, b))
    formula = derivative(step.output, step.position, step.names.__getitem__)
    equal = r"&\mathrel{+}=" if sum["arrived"] > 1 else "&="
    if trace.scalar:
        number = sized(step.factor, step.log10, step.sign)
        symbol = number if step.local is None else bracketed(formula, LATEX, PRODUCT)
        size, sign = trace.magnitudes[step.output]
        upstream_number = sized(step.upstream.item(), size, sign)
        product = sized(step.downstream.item(), size + step.log10, sign * step.sign)
        numbers = rf"{factor(upstream_number)} \cdot {factor(number)} = {product}"
        total = rf" \quad \text{{in all }} {sized(received.item(), *sizes)}" if sum["arrived"] > 1 else ""
        return rf"{downstream} {equal} {upstream} \cdot {symbol} = {numbers}{total}"
    if step.local is None:
        return rf"{downstream} {equal} {write(formula, LATEX)}, \quad g = {upstream}"
    return rf"{downstream} {equal} {upstream} \odot {bracketed(formula, LATEX, PRODUCT)}"
