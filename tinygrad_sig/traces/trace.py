"""The trace: the backward pass as data. `trace(y)` runs the walk and keeps what it did, a step an edge.

What a step shows is what the walk multiplied, kept and not computed again, and its formula is read from the same row of
the table that the number came from.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import count
from operator import mul
from typing import Any

import numpy as np

from .. import show
from ..calculus.functions import Function, sigmoid
from ..engine.backward import walk
from ..engine.tensor import Tensor
from ..formulas.symbols import derivative, write
from ..show.text import log10, shown

# ln|∂y/∂x| of the operations that flatten out: beyond |x| ≈ 745 it is all that is left of the local derivative.
LOG_SLOPE: dict[Function, Any] = {
    sigmoid: lambda x: -abs(x) - 2 * math.log1p(math.exp(-abs(x))),
    np.tanh: lambda x: 2 * (math.log(2) - abs(x) - math.log1p(math.exp(-2 * abs(x)))),
    np.exp: lambda x: x,
}


class Step:
    """One edge of the backward pass: upstream × local = downstream, from a node to one of its inputs.

    `local` is None where the derivative is no elementwise factor. `downstream` has the shape of the input: what
    broadcasting repeated is summed up in it.
    """

    __slots__ = ("downstream", "input", "local", "names", "number", "output", "position", "upstream")

    def __init__(self, number: int, edge: tuple[Tensor, int, Any, Any, Any], names: Mapping[Tensor, str]) -> None:
        self.number, self.names = number, names
        self.output, self.position, self.upstream, self.local, self.downstream = edge
        self.input = self.output.inputs[self.position]

    function = property(lambda self: self.output.function, doc="The function that computed the output.")
    op = property(lambda self: self.output.op, doc="The name of the operation.")
    value = property(lambda self: self.output.arguments[self.position], doc="What the input was when it was used.")

    @property
    def formula(self) -> str:
        """The local derivative as text; for a linear map, how it carries the upstream gradient g back."""
        return write(derivative(self.output, self.position, self.names.__getitem__))

    @property
    def factor(self) -> Any:
        """The number that a step between scalars multiplies by, also where it is a linear map."""
        if self.upstream.size != 1 or self.downstream.size != 1:
            raise ValueError(f"factor: {self} is no step between scalars; look at its local derivative")
        y: Any = self.output
        if self.local is not None:
            return y.dtype.type(only(self.local))
        return only(y.row.entries[self.position](np.ones_like(y.values[0]), *y.values, **y.params))

    @property
    def log10(self) -> float:
        """log10|factor|, finite also where the factor is too small for its dtype."""
        factor = abs(float(self.factor))
        if factor < np.finfo(self.output.dtype).tiny and self.function in LOG_SLOPE:
            return float(LOG_SLOPE[self.function](float(only(self.value))) / math.log(10))
        return math.log10(factor) if factor else -math.inf

    @property
    def sign(self) -> float:
        """The sign of the factor; one that underflowed is a slope, which is positive."""
        return sign(self.factor) or float(math.isfinite(self.log10))

    def __str__(self) -> str:
        return f"{self.names[self.output]} → {self.names[self.input]}"

    def __repr__(self) -> str:
        local = "" if self.local is None else f" × {shown(self.local)}"
        return f"<Step {self}: {shown(self.upstream)}{local} = {shown(self.downstream)}>"


class Path(tuple[Step, ...]):
    """The steps of one way from the output to a tensor; between scalars their factors make a product."""

    upstream: Any

    def __new__(cls, steps: Iterable[Step], upstream: Any) -> Path:
        made = super().__new__(cls, steps)
        made.upstream = upstream
        return made

    @property
    def product(self) -> Any:
        """The product of the first upstream gradient and all factors, in the order of the walk."""
        return reduce(mul, (step.factor for step in self), only(self.upstream))

    @property
    def log10(self) -> float:
        """log10|product|, from the logarithms of the factors: finite where the product itself underflows to 0."""
        return math.fsum([log10(self.upstream), *(step.log10 for step in self)])

    @property
    def sign(self) -> float:
        """The sign of the product: 1, −1, or 0 where a factor is 0."""
        return math.prod([sign(self.upstream), *(step.sign for step in self)])


class Paths:
    """All paths from the output of a trace to one tensor. They are counted at once, and found one at a time.

    `count` is a Python int of any size; iterating gives the paths in the order of the steps.
    """

    def __init__(self, source: GradientTrace, target: Tensor) -> None:
        self.output, self.target = source.output, target
        self.names, self.upstream = source.names, source.gradients[source.output]
        counts: dict[Tensor, int] = defaultdict(int, {target: 1})
        self.onward: dict[Tensor, list[Step]] = defaultdict(list)  # the steps that lead there, the last one first
        for step in reversed(source.steps):
            if step.input in counts:
                counts[step.output] += counts[step.input]
                self.onward[step.output].append(step)
        self.count = counts[self.output]

    def __iter__(self) -> Iterator[Path]:
        if self.output is self.target:
            yield Path([], self.upstream)
        steps: list[Step] = []
        ahead = [(0, step) for step in self.onward[self.output]]
        while ahead:
            depth, step = ahead.pop()
            steps[depth:] = [step]
            if step.input is self.target:
                yield Path(steps, self.upstream)
            ahead += [(depth + 1, further) for further in self.onward[step.input]]

    def __repr__(self) -> str:
        ends = f"from {self.names[self.output]} to {self.names[self.target]}"
        return f"<{self.count} path{'s' * (self.count != 1)} {ends}>"


class GradientTrace(Sequence[Step]):
    """The backward pass from one tensor, a step an edge, in the order in which the walk took them.

    It is a sequence of its steps, compares by what it shows, and leaves `.grad` alone. Tensors without a name are
    called v1, v2, … in the order of computation, and a name that occurs twice is numbered.

    >>> x = Tensor(2.0, name="x")
    >>> print(trace(x * x).to_text(width=72))
    v1 = x·x = 4.000000
    step  edge    local derivative  upstream   × local  = downstream
       1  v1 → x  x                 1.000000  2.000000      2.000000  ███▍
       2  v1 → x  x                 1.000000  2.000000      2.000000  ███▍
    dv1/dx  4.000000
    """

    def __init__(self, output: Tensor, upstream: Any = None) -> None:
        if not isinstance(output, Tensor):
            raise TypeError(f"trace: {type(output).__name__} has no graph; give a Tensor that was computed from others")
        edges: list[tuple[Any, ...]] = []
        self.output = output
        self.gradients = walk(output, output.seed(upstream, "trace"), record=lambda *edge: edges.append(edge))
        self.names = names([edge[0] for edge in edges] or [output])
        self.steps = tuple(Step(number, edge, self.names) for number, edge in enumerate(edges, 1))
        self.leaves = [tensor for tensor in self.gradients if not tensor.inputs]

    def __getitem__(self, index: Any) -> Any:
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, GradientTrace) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<GradientTrace of {self.names[self.output]}: {len(self)} steps>"

    def find(self, tensor: Tensor | str) -> Tensor:
        """The tensor itself, or the one in the graph that has this name in the trace."""
        if isinstance(tensor, Tensor):
            return tensor
        if not isinstance(tensor, str):
            raise TypeError(f"trace: a {type(tensor).__name__} is no tensor of the graph; give one, or its name")
        for known, name in self.names.items():
            if name == tensor:
                return known
        raise ValueError(f"trace: no tensor of the graph is called {tensor!r}; it has {', '.join(self.names.values())}")

    def gradient(self, tensor: Tensor | str) -> Any:
        """The gradient of the output with respect to a tensor of the graph, given itself or by its name.

        Raises ValueError for one that is not in the graph, and for a constant.
        """
        return self.gradients[self.reached(tensor, "gradient")]

    def reached(self, tensor: Tensor | str, caller: str) -> Tensor:
        """The tensor, where the walk has reached it; ValueError where it has not."""
        tensor = self.find(tensor)
        if tensor not in self.gradients:
            name = "an unnamed tensor" if tensor.name is None else repr(tensor.name)
            why = f"{name} is {self.state(tensor)}, so no path leads to it"
            raise ValueError(f"{caller}: {why}; trace.gradients has the tensors that one leads to")
        return tensor

    def state(self, tensor: Tensor | str) -> str:
        """One of "number", "underflowed" (0, though no factor is), "not connected", "not computed" (a constant)."""
        tensor = self.find(tensor)
        if tensor not in self.gradients:
            return "not connected" if tensor.requires_grad else "not computed"
        underflowed = self.scalar and self.gradients[tensor] == 0 and math.isfinite(self.magnitudes[tensor][0])
        return "underflowed" if underflowed else "number"

    def magnitude(self, tensor: Tensor | str) -> tuple[float, float]:
        """(log10|gradient|, its sign), from the logarithms of the factors, so finite far below the smallest float."""
        return self.magnitudes[self.reached(tensor, "magnitude")]

    @cached_property
    def scalar(self) -> bool:
        """Whether every tensor on the way is a scalar, so that factors make products."""
        return all(gradient.size == 1 for gradient in self.gradients.values())

    @cached_property
    def magnitudes(self) -> dict[Tensor, tuple[float, float]]:
        """(log10|gradient|, sign) of every tensor, summed over the paths without leaving logarithms."""
        seed = self.gradients[self.output]
        arrived = {step.input: sum for step, sum in zip(self.steps, self.arrivals, strict=True)}
        return {self.output: (log10(seed), sign(seed)), **arrived}

    @cached_property
    def arrivals(self) -> list[tuple[float, float]]:
        """After each step (log10, sign) of what its input has received by then."""
        seed = self.gradients[self.output]
        sums, found = {self.output: (log10(seed), sign(seed))}, []
        for step in self.steps:
            size, direction = sums[step.output]
            term = (size + step.log10, direction * step.sign)
            sums[step.input] = add_logarithms(sums[step.input], term) if step.input in sums else term
            found.append(sums[step.input])
        return found

    def paths(self, tensor: Tensor | str) -> Paths:
        """The paths from the output to a tensor: counted without being listed, and found one by one on iteration."""
        return Paths(self, self.reached(tensor, "paths"))

    def path(self, tensor: Tensor | str) -> Path:
        """The only path to a tensor. Raises ValueError where there is none, or more than one."""
        paths = Paths(self, self.reached(tensor, "path"))
        if paths.count != 1:
            name = repr(self.names[paths.target])
            raise ValueError(f"path: there are {paths.count} paths to {name}; iterate over trace.paths")
        return next(iter(paths))

    def to_text(self, limit: int | None = 40, width: int = 100) -> str:
        """The table of steps. Of more than `limit` it leaves out the middle, and says how many; None shows all."""
        return "\n".join(show.text.trace_lines(self, limit, width))

    __str__ = to_text

    def to_dict(self) -> dict[str, Any]:
        """The trace as dicts, lists, strings and numbers, none of them infinite or nan (those are strings)."""
        return show.data.trace_dict(self)

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return show.data.to_json(self.to_dict())

    def to_csv(self) -> str:
        """The steps as CSV, a line a step, with a header; arrays are JSON in their cells."""
        return show.data.steps_csv(self)

    def to_latex(self, tensor: Tensor | str | None = None) -> str:
        """The chain rule for one tensor: symbols on one line, numbers on the next, a product for every path.

        By default the tensor is the leaf that the walk reached last. Raises ValueError where tensors are no scalars.
        """
        return show.latex.chain_rule(self, self.steps[-1].input if tensor is None and self.steps else tensor)

    def to_dot(self) -> str:
        """The graph in Graphviz's language: solid arrows forward, dashed ones back with × local → downstream.

        A block that is repeated in a deep chain is drawn twice at each end, and counted between.
        """
        return show.graph.to_dot(self)

    def to_mermaid(self) -> str:
        """The graph of `to_dot` in Mermaid's language, which many pages of Markdown draw."""
        return show.graph.to_mermaid(self)

    def to_svg(self) -> str:
        """The graph of `to_dot` as a picture, drawn by Graphviz; ValueError where that is not installed."""
        return show.graph.to_svg(self)

    def to_html(self, limit: int | None = 40) -> str:
        """The table of steps for a page or a notebook."""
        return show.html.to_html(self, limit)

    _repr_html_ = to_html

    def to_page(self) -> str:
        """One self-contained HTML file, in which one steps through the forward pass and the walk, an edge a step.

        Raises ValueError for more than 3,000 steps.
        """
        return show.page.to_page(self)

    def page(self) -> Any:
        """The page of `to_page` for a cell of a notebook."""
        return show.page.Frame(self.to_page())


def trace(output: Tensor, upstream: Any = None) -> GradientTrace:
    """Run the backward pass from `output` and return it as data; `.grad` is not touched.

    `upstream` is the gradient to start from, as in `Tensor.backward`. Raises TypeError for what is no Tensor, and
    ValueError for a constant and where a needed upstream gradient is missing.

    >>> x = Tensor(0.0, name="x")
    >>> [step.formula for step in trace((3 * x).sigmoid())]
    ["σ'(v1)", '3']
    """
    return GradientTrace(output, upstream)


def names(nodes: Sequence[Tensor]) -> dict[Tensor, str]:
    """A name for each of the nodes and their inputs, no two the same, in the order of computation.

    Constants without a name are left out: formulas show them as the numbers that they are.
    """
    tensors = dict.fromkeys(t for node in reversed(nodes) for t in (*node.inputs, node) if t.name or t.requires_grad)
    given = {tensor.name for tensor in tensors}
    found: dict[str, Tensor] = {}
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(1))
    for tensor in tensors:
        name = tensor.name
        if not name or name in found:
            stem = f"{name}_" if name else "v"
            numbered = (f"{stem}{i}" for i in numbers[stem])
            name = next(name for name in numbered if name not in given and name not in found)
        found[name] = tensor
    return {tensor: name for name, tensor in found.items()}


def only(value: Any) -> Any:
    """The only element of an array, of whatever shape, as a number."""
    return np.reshape(value, ())[()]


def sign(value: Any) -> float:
    return float(np.sign(only(value)))


def add_logarithms(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """The sum of two numbers that are given as (log10 of the size, sign)."""
    (large, sign_a), (small, sign_b) = max(a, b), min(a, b)
    if math.isinf(large):
        return large, sign_a
    ratio = 1 + sign_a * sign_b * 10 ** (small - large)
    if ratio < 1e-10:  # What is left is the rounding of the logarithms: the two cancel.
        return -math.inf, 0.0
    return large + math.log10(ratio), sign_a
