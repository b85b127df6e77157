"""Plots: how a gradient decays, drawn into matplotlib axes.

Every function takes what it draws and, if one likes, the Axes to draw into; it returns the Axes and shows nothing.
A notebook shows the Axes that they make as a picture.
Curves differ in their marks and dashes as well as in their colours, so that they can be told apart in grey.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from textwrap import fill
from typing import Any

import numpy as np

from .figure import new_figure
from .text import clipped, log10, power_of_ten, size

# Okabe and Ito's colours, which nearly everybody can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X")


def own_axes(axes: Any, size: tuple[float, float] = (7.0, 4.2)) -> Any:
    """The axes themselves, or those of a new figure."""
    return new_figure(1, 1, size=size)[1] if axes is None else axes


def styled(series: Mapping[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The values of each named series, and how its line looks."""
    for (name, y), colour, dash, mark in zip(series.items(), cycle(COLOURS), cycle(DASHES), cycle(MARKS), strict=False):
        yield y, {"label": name, "color": colour, "linestyle": dash, "marker": mark, "markersize": 4}


def lines(x: Any, series: Mapping[str, Any], axes: Any = None, marks: bool = False, **labels: Any) -> Any:
    """A line for each named series over x; `labels` are the settings of the axes, such as xlabel and yscale."""
    axes = own_axes(axes)
    for y, look in styled(series):
        axes.plot(x, y, **(look if marks else look | {"marker": None}))
    axes.set(**labels)
    axes.legend(frameon=False)
    return axes


def decay(series: Mapping[str, Any], axes: Any = None, what: str = "∂y/∂a", **style: Any) -> Any:
    """log10|gradient| of each chain against the layer, from the output on the left to the input on the right.

    The values are logarithms, so that what is far below the smallest float has its place too. `style` is for all lines,
    such as linestyle and fillstyle, which tell two calls into the same axes apart.
    """
    axes = own_axes(axes)
    for sizes, look in styled(series):
        axes.plot(np.arange(len(sizes)), sizes, **(look | {"markevery": max(1, len(sizes) // 10)} | style))
    axes.set(xlabel="layers passed on the way back from y", ylabel=f"|{what}|")
    powers_of_ten(axes)
    axes.legend(frameon=False)
    return axes


def written(name: str, width: int) -> str:
    """A name as a label, which is no formula, whatever it holds."""
    return clipped(name, width).replace("$", r"\$")


def powers_of_ten(axes: Any) -> None:
    """Label the ticks of an axis of logarithms with the numbers that they stand for, and count layers in whole ones."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def label(value: float, _: int) -> str:
        power = round(value)
        if abs(value - power) < 1e-6:
            return f"$10^{{{power}}}$"
        return f"{10**value:.3g}" if abs(value) < 300 else power_of_ten(value)

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(label))


def chain(layers: Any, axes: Any = None) -> Any:
    """The decay of one chain, given as its `layers`: what arrives at each layer's input and at its weight.

    Nothing exceeds the bound ∏ |w|·sup f′. A line, or an arrow at the edge, says where the dtype ends.
    """
    steepest = layers.known.steepest
    bound = np.cumsum([0.0, *(log10(abs(layer.weight) * steepest) for layer in layers)])
    left = np.array([0.0, *(layer.running for layer in layers)])
    inputs = [*(layer.activation for layer in layers[1:]), layers.x]
    slopes = [layer.slope_log10 + log10(a) for layer, a in zip(layers, inputs, strict=True)]
    weights = np.array([np.nan, *(left[:-1] + slopes)])
    name = f"bound ∏{f'({steepest:g}·|w|)' if steepest != 1 else '|w|'}"
    axes = decay({name: bound, "∂y/∂a": left, "∂y/∂w": weights}, axes, "gradient")
    dtype_ends(axes, [layers.dtype], left[np.isfinite(left)])
    last, rate = layers[-1].running, layers[-1].running / len(layers)
    if zero := next((layer.layer for layer in layers if layer.running == -np.inf), None):
        message = f"the gradient is 0 from layer {zero:,} back"
    elif not np.isfinite(last):
        message = "the gradient is no number"
    else:
        word = "vanishes" if rate < -1e-6 else "explodes" if rate > 1e-6 else "is steady"
        factor = f"{10**rate:.3g}" if abs(rate) < 5 else power_of_ten(rate)
        message = f"the gradient {word}, × {factor} a layer"
    axes.set_title(f"{layers.known.symbol}, {len(layers):,} layer{'s' * (len(layers) != 1)}: {message}")
    return axes


def dtype_ends(axes: Any, dtypes: Iterable[Any], sizes: Any) -> None:
    """A line where each dtype ends below, or above where sizes grow; one that is far beyond them is an arrow there."""
    grows = sizes[-1] > 0
    for dtype in map(np.dtype, dtypes):
        limits = np.finfo(dtype)
        limit = float(np.log10(limits.max) if grows else log10(limits.smallest_subnormal))
        if min(sizes) <= limit <= max(sizes):
            axes.axhline(limit, color="0.6", linewidth=0.8, zorder=0)
            place, height, arrow = axes.get_yaxis_transform(), limit, ""
        else:
            place, height, arrow = axes.transAxes, 0.97 if grows else 0.03, " ↑" if grows else " ↓"
        text = f"{dtype.name}\nends at\n$10^{{{round(limit)}}}${arrow}"
        side = "center" if not arrow else "top" if grows else "bottom"
        axes.text(1.01, height, text, transform=place, va=side, color="0.3")


def heat(
    x: Any,
    y: Any,
    values: Any,
    axes: Any = None,
    outline: Any = None,
    limit: Any = None,
    bar: Any = True,
    **labels: Any,
) -> Any:
    """A map of values over x and y, white at 0, with a bar of its colours, unless `bar` is False.

    The colours end at ±`limit`, by default at the largest value, and the bar has an arrow where values go beyond.
    `outline` draws the line where a value is reached.
    """
    axes = own_axes(axes)
    limit = float(np.max(np.abs(values))) if limit is None else limit
    mesh = axes.pcolormesh(x, y, values, cmap="PuOr", vmin=-limit, vmax=limit, shading="nearest", rasterized=True)
    arrows = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    beyond = arrows[bool(np.min(values) < -limit), bool(np.max(values) > limit)]
    value = labels.pop("value", "")
    if bar:
        axes.figure.colorbar(mesh, ax=axes, extend=beyond, label=value)
    if outline is not None and np.min(values) < outline < np.max(values):
        axes.contour(x, y, values, levels=[outline], colors="black", linewidths=1.2)
    axes.set(**labels)
    return axes


def band(x: Any, samples: Any, axes: Any = None, name: str = "median", **labels: Any) -> Any:
    """The median of the rows of `samples` over x, in the band that holds the middle 90 % of them."""
    axes = own_axes(axes)
    low, middle, high = np.percentile(samples, [5, 50, 95], axis=0)
    axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.25, linewidth=0, label="5 % to 95 %")
    axes.plot(x, middle, color=COLOURS[0], marker=MARKS[0], markersize=5, label=name)
    axes.set(**labels)
    return axes


def steps(trace: Any, axes: Any = None) -> Any:
    """log10|downstream| of the steps of a trace in their order, and by name what the leaves receive."""
    axes = own_axes(axes)
    every = max(1, len(trace.steps) // 40)
    looks = styled({"downstream": [size(trace, step) for step in trace.steps], "what a leaf receives": []})
    (sizes, line), (_, mark) = looks
    axes.plot(np.arange(1, 1 + len(sizes)), sizes, **(line | {"markevery": every}))
    last = {step.input: step.number for step in trace.steps if not step.input.inputs}
    received = [trace.magnitudes[leaf][0] if trace.scalar else log10(trace.gradient(leaf)) for leaf in last]
    axes.plot([*last.values()], received, **(mark | {"linestyle": "", "markersize": 6}))
    for leaf, x, y in zip(last, last.values(), received, strict=True):
        if len(last) <= 24 and np.isfinite(y):
            name = written(trace.names[leaf], 12)
            axes.annotate(name, (x, y), (5, 4), textcoords="offset points", fontsize="small")
    axes.set(xlabel="step", ylabel="|gradient|" if trace.scalar else "‖gradient‖")
    powers_of_ten(axes)
    axes.legend(frameon=False)
    return axes


def norms(found: Any, axes: Any = None) -> Any:
    """‖gradient‖ and ‖weight‖ of each layer, from the input on the left to the output on the right."""
    columns = {f"‖{name}‖": [getattr(row, name) or np.nan for row in found] for name in ("gradient", "weight")}
    places, names = range(len(found)), [written(row.layer, 16) for row in found]
    some = slice(None, None, 1 + len(found) // 24)
    axes = lines(places, columns, axes, marks=True, xlabel="layer", yscale="log")
    axes.set_xticks(places[some], names[some])  # By place, for two names may be clipped to the same.
    return axes


def history(found: Any, axes: Any = None) -> Any:
    """‖gradient‖ of each layer against the step; in a figure of its own above the shares of units, where there are."""
    shares = {
        name: {f"layer {layer}": np.multiply(100, x) for layer, x in found.series(name).items()}
        for name in found.shares
    }
    shares = {name: series for name, series in shares.items() if any(np.nansum(x) for x in series.values())}
    if axes is None:
        rows, size = 1 + len(shares), (7.0, 4.2 + 1.3 * len(shares))
        _, panels = new_figure(rows, 1, size=size, sharex=True, height_ratios=[3] + [1] * len(shares))
        axes, *below = np.atleast_1d(panels)
        for panel, (name, series) in zip(below, shares.items(), strict=True):
            lines(found.steps, series, panel, ylabel=f"{name}, %", ylim=(-4, 104)).get_legend().remove()
    sizes = {f"layer {layer}": np.where(x, x, np.nan) for layer, x in found.series().items()}
    lines(found.steps, sizes, axes, yscale="log", ylabel="‖gradient‖")
    said = "\n".join(fill(warning, 72) for warning in found.warnings).replace("$", r"\$")
    axes.set_title(said, fontsize="medium", loc="left")
    axes.figure.axes[-1].set_xlabel("step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    handles, labels = axes.get_legend_handles_labels()
    some = slice(None, None, 1 + len(handles) // 16)
    names = [written(label, 40) for label in labels[some]]
    axes.legend(handles[some], names, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes
