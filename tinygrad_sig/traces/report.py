"""The report: all that the command says of one chain, as text and as data."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..show.data import exact, step_dict, to_json
from ..show.text import Row, Scale, excerpt, filled, log10, number, power_of_ten, shown, steps_lines, table, with_bars
from .chain import STEADY, Layer, finite_difference, gradient_bound, layers, printed_product
from .trace import GradientTrace

if TYPE_CHECKING:
    from decimal import Decimal

# Where multiplication by numbers below 1 ends in 0: half of the smallest subnormal number of each dtype.
ZERO = {dtype: power * math.log10(2) for dtype, power in (("float16", -25), ("float32", -150), ("float64", -1075))}
OVERFLOW = {dtype: power * math.log10(2) for dtype, power in (("float16", 16), ("float32", 128), ("float64", 1024))}


class Report:
    """What there is to say of the chain that a trace was made of; `effort` bounds the digits of a finite difference."""

    def __init__(self, trace: GradientTrace, effort: float = 6e7) -> None:
        self.effort = effort
        self.trace, self.layers = trace, layers(trace)
        self.function, self.known, self.dtype = self.layers.function, self.layers.known, trace.output.dtype
        forward = self.layers[::-1]
        self.x, self.weights = float(trace[-1].value), [layer.weight for layer in forward]
        self.inputs = [self.x, *(layer.activation for layer in forward[:-1])]
        self.biases = None if forward[0].bias is None else [layer.bias for layer in forward]
        self.gradient = float(trace.gradient("x"))
        self.log10, self.sign = trace.magnitude("x")
        self.printed = float(printed_product(self.x, self.weights, self.biases, self.function))
        self.bound = gradient_bound(self.weights, self.function)
        pairs = zip(self.weights, self.inputs, strict=True)
        self.printed_log10 = math.fsum(log10(w) + log10(self.known.slope(a)) for w, a in pairs)
        self.bound_log10 = math.fsum(log10(w) + log10(self.known.steepest) for w in self.weights)

    @cached_property
    def difference(self) -> Decimal | None:
        """∂y/∂x by a finite difference, with as many digits as it takes to see it; None where that takes too long."""
        sizes = [layer.running for layer in self.layers if math.isfinite(layer.running)]
        digits = max(60, 4 / 3 * (20 - min(sizes, default=0)), 4 * (12 + max(sizes, default=0)))
        if len(self.layers) * digits * digits > self.effort:
            return None
        return finite_difference(self.x, self.weights, self.biases, self.function, math.ceil(digits))

    def verdict(self) -> str:
        """One sentence: what becomes of the gradient, how fast, and after how many layers nothing is left of it."""
        size, depth = self.log10, len(self.layers)
        dtype = str(self.dtype)
        if math.isnan(self.gradient) or math.isnan(size):
            return "undefined: the gradient is nan"
        if size == -math.inf:
            return f"zero: a factor is 0 in {dtype}, and no layer can bring the gradient back"
        if size == math.inf:
            return f"exploding: a factor is too large for {dtype}"
        rate = size / depth
        factor = f"{10**rate:.3g}" if abs(rate) < 5 else power_of_ten(rate)
        if abs(rate) < STEADY:
            return f"steady: a factor {factor} a layer"
        word, limits, end = ("vanishing", ZERO, "0") if rate < 0 else ("exploding", OVERFLOW, "inf")
        if math.log10(0.5) + 1e-9 < rate < 0:  # The smallest number, times more than a half, is rounded to itself.
            end = "underflow"
        ends: list[str] = []
        for name in [dtype] * (dtype == "float16") + ["float32", "float64"]:
            n = math.ceil((limits[name] - size) / rate - 1e-9)
            if n <= 0:
                ends.append(name if ends else f"already in {name}")
            elif "more" in "".join(ends):
                ends.append(f"{n:,} in {name}")
            else:
                ends.append(f"after {n:,} more layer{'s' * (n != 1)} in {name}")
        return f"{word} by a factor {factor} a layer: {end} {', '.join(ends)}"

    def to_dict(self) -> dict[str, Any]:
        """The report as data; `layers` run from the last to the first."""
        gradients = {self.trace.names[leaf]: exact(self.trace.gradient(leaf)) for leaf in self.trace.leaves}
        order = sorted(gradients, key=lambda name: ("xwb".index(name[0]), int(name[1:] or 0)))
        return {
            "x": exact(self.x),
            "weights": exact(self.weights),
            "biases": exact(self.biases),
            "activation": self.trace.output.op,
            "dtype": str(self.dtype),
            "output": exact(self.trace.output.data),
            "gradients": {name: gradients[name] for name in order},
            "steps": [step_dict(step) for step in self.trace],
            "layers": [
                {"layer": layer.layer} | {key: exact(getattr(layer, key)) for key in Layer._fields[1:8]}
                for layer in self.layers
            ],
            "bound": exact(self.bound),
            "as_printed": exact(self.printed),
            "finite_difference": exact(self.difference),
            "verdict": self.verdict(),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return to_json(self.to_dict()) + "\n"

    def sentences(self) -> dict[str, Any]:
        """What the report says in words: the verdict, where most was lost and why, and ∂y/∂x with what is beside it."""
        texts = {"verdict": self.verdict(), "lost": self.layers.conclusion, "printed": self.on_the_printed_product()}
        return texts | {"compared": self.compared()}

    def to_text(self, width: int = 100, limit: int | None = 30, colour: bool = False) -> str:
        """The report for reading, in so many columns; of long tables it shows the first and the last rows."""
        f = self.known.symbol
        bias = "" if self.biases is None else " + b_i"
        chain = f"a_i = {f}(w_i·a_(i-1){bias}), a_0 = x = {self.x:g}, y = a_{len(self.layers)}"
        about = f"{len(self.layers):,} layer{'s' * (len(self.layers) != 1)}, {self.dtype}"
        steps, scale = steps_lines(self.trace, limit, width - 2)
        sections = {
            f"Forward: {chain}; {about}": self.forward(limit),
            "Backward: upstream (arrived from y) × local derivative = downstream (sent on); bars: |downstream|": steps,
            "What each leaf, a node that was given and not computed, receives": self.received(limit, scale),
            "Layer by layer, from the output to the input; share: the part of the whole decay, in logarithms": (
                self.layers.to_text(limit, width - 2).split("\n")
            ),
            "The gradient ∂y/∂x": self.comparison(),
        }
        bold, plain = ("\x1b[1m", "\x1b[0m") if colour else ("", "")
        parts = [
            "\n".join([bold + filled(title, width, rest="  ") + plain, *(fitted(line, width) for line in lines)])
            for title, lines in sections.items()
        ]
        verdict = filled(f"Verdict: {self.verdict()}", width, rest="  ")
        return "\n\n".join([*parts, verdict.replace("Verdict:", f"{bold}Verdict:{plain}", 1)]) + "\n"

    def forward(self, limit: int | None) -> list[str]:
        """The values of the forward pass, a line a layer."""

        def row(layer: Layer) -> Row:
            values = self.inputs[layer.layer - 1], *layer[1:5]
            return [str(layer.layer), *(number(value) for value in values if value is not None)]

        bias = [] if self.biases is None else ["bias"]
        header = ["layer", "input", "weight", *bias, "z", f"{self.known.symbol}(z)"]
        rows = excerpt(row, self.layers[::-1], limit, "… {:,} layers left out …")
        return table([header, *rows], ">" * len(header))

    def received(self, limit: int | None, scale: Scale | None) -> list[str]:
        """The gradient of every leaf, with its bar, drawn as those of the steps are."""

        def row(leaf: Any) -> Row:
            size, sign = self.trace.magnitude(leaf)
            return [f"∂y/∂{self.trace.names[leaf]}", shown(self.trace.gradient(leaf), size, sign), size]

        rows = excerpt(row, self.trace.leaves, limit, "… {:,} leaves left out …")
        cells = [["leaf", "gradient"], *(row if isinstance(row, str) else row[:-1] for row in rows)]
        return with_bars(table(cells, "<>"), [None if isinstance(row, str) else row[-1] for row in rows], scale)

    def comparison(self) -> list[str]:
        """∂y/∂x by the walk, and what to hold against it, as a table."""
        return [*table(self.compared(), "<><"), self.on_the_printed_product()]

    def compared(self) -> list[Row]:
        """∂y/∂x by the walk, beside the bound, the finite difference, and the product that the sheet prints."""
        bound = f"at most ∏|w|/4^{len(self.layers)}" if self.known.steepest == 0.25 else "at most ∏|w|"
        below = self.log10 - self.bound_log10
        part = f"{100 * 10**below:.3g} % of it is reached" if below > -3 else f"{power_of_ten(below)} of it is reached"
        difference, judgement = self.judged()
        return [
            ["by the walk", shown(self.gradient, self.log10, self.sign), ""],
            ["by a finite difference", difference, judgement],
            [bound, shown(self.bound, self.bound_log10), part if math.isfinite(below) else ""],
            ["by VDL1, section 1.2.3", shown(self.printed, self.printed_log10, self.sign), ""],
        ]

    def judged(self) -> tuple[str, str]:
        """The finite difference, and how well the walk agrees with it."""
        if self.difference is None:
            return "not computed", "it would take too many digits at this depth"
        if not self.difference.is_finite() or not math.isfinite(self.log10):
            return number(float(self.difference)), ""
        size = float(self.difference.copy_abs().log10()) if self.difference else -math.inf
        text = shown(float(self.difference), size, -1.0 if self.difference < 0 else 1.0)
        off = abs(10 ** (self.log10 - size) - 1) if abs(self.log10 - size) < 300 else math.inf
        return text, f"agrees to {min(15, math.floor(-math.log10(off or 1e-15)))} digits" if off < 0.1 else "disagrees"

    def on_the_printed_product(self) -> str:
        """Where the printed product differs, by how much, and why."""
        f, n = self.known.symbol, len(self.layers)
        places = f"a{n - 1}, …, a1, x and not at z{n}, …, z1" if n > 2 else "the input of each layer and not at its z"
        more = self.printed_log10 - self.log10
        rounding = (8 + abs(self.log10)) * n * float(np.finfo(self.dtype).eps)
        if math.isnan(more) and self.printed_log10 != self.log10:
            result = f"; in {self.dtype} that leads to no number here."
        elif math.isnan(more) or abs(more) < rounding:
            result = "; here both give the same."
        else:
            times = f"{10 ** abs(more):.3g}" if abs(more) < 300 else power_of_ten(abs(more))
            much = f"{times} times" if abs(more) > 1 else f"{100 * abs(10**more - 1):.3g} %"
            result = f", which makes it {much} too {'large' if more > 0 else 'small'} here."
        return f"VDL1 takes {f}' at {places}{result}"


def fitted(line: str, width: int) -> str:
    """A line with its indent, broken where it is a sentence too long for the width."""
    is_sentence = len(line) > width - 2 and "   " not in line
    return filled(line, width, "  ", "    ") if is_sentence else f"  {line}"
