"""History: the health of the layers over a training, a table of norms a step.

One table is a moment; whether a layer learns shows over many. Each layer is held against the last, the one nearest to
the loss, because the gradient comes there first: what the others get less, it lost on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from .. import show
from ..engine.display import Displayed
from ..engine.tensor import Tensor
from ..show.text import barred, clipped, columns, filled, log10, number, percent
from .health import GradientNorms, LayerHealth, gradient_norms
from .trace import GradientTrace

FAR = 1000  # times: so much smaller or larger than the last layer's gradient is out of all proportion
WINDOW = 10  # steps, so that one batch is not taken for a trend
COLUMNS = LayerHealth._fields[1:]


class GradientHistory(Displayed, Sequence[GradientNorms]):
    """The health of the layers at every step that was recorded: a sequence of `GradientNorms`.

    Call `record` after `backward`, before the optimiser takes its step. `warnings` says in a sentence each which layers
    vanish and which explode, in the first ten steps and in the latest ten, by these criteria:

    - A layer vanishes where the median of its ‖gradient‖ is 0, or less than a thousandth of that of the last layer.
    - It explodes where its ‖gradient‖ is nan or infinite at one of the steps, or the median is more than a thousand
      times what that of the last layer is in the first ten.

    >>> history, w = GradientHistory(), Tensor([3.0, 4.0], name="w1")
    >>> for _ in range(2):
    ...     (w * w).sum().backward()
    ...     history.record([w])
    >>> print(history.to_text(width=80))
    ‖gradient‖ at 2 steps, 1 to 2; shares and bars are of the latest
    layer      first     latest   smallest    largest  zeros  10 ───── log ───── 100
    1      10.000000  20.000000  10.000000  20.000000  0.0 %  ██████▋
    """

    shares = tuple(column for column in COLUMNS if column not in ("gradient", "weight"))
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.norms: list[GradientNorms] = []

    def record(
        self,
        source: GradientTrace | Iterable[Tensor] | Mapping[str, tuple[Any, Any]],
        saturated: Mapping[str, float] | None = None,
        step: int | None = None,
    ) -> None:
        """Add a step: of a network after `backward`, of the trace of a loss, or of (weight, gradient) by name.

        The mapping is for arrays of PyTorch, JAX and NumPy; names make layers as in `gradient_norms`. A trace tells the
        share of saturated units too; without one it may be given, by layer. `step` is the next by default. Raises
        ValueError where a parameter has no gradient, and where the step is not after the last one.
        """
        following = self.steps[-1] + 1 if self.steps else 1
        step = following if step is None else step
        if not isinstance(step, int | np.integer):
            raise TypeError(f"record: step {step!r} is no whole number; give one, or none")
        if self.steps and step < following:
            raise ValueError(f"record: step {step} is not after step {following - 1}; give a larger number, or none")
        norms = gradient_norms(parameters(source) if isinstance(source, Mapping) else source)
        if saturated:
            norms = GradientNorms(row._replace(saturated=saturated.get(row.layer, row.saturated)) for row in norms)
        self.steps.append(int(step))
        self.norms.append(norms)

    def __getitem__(self, index: Any) -> Any:
        """The norms of one step, counted from 0; of a slice, a history."""
        if not isinstance(index, slice):
            return self.norms[index]
        part = GradientHistory()
        part.steps, part.norms = self.steps[index], self.norms[index]
        return part

    def __len__(self) -> int:
        return len(self.norms)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, GradientHistory) else NotImplemented

    def series(self, column: str = "gradient") -> dict[str, list[float]]:
        """A column of `LayerHealth` by layer, a number a step; nan where it is not known."""
        if column not in COLUMNS:
            raise ValueError(f"series: there is no {column!r}; give one of {', '.join(COLUMNS)}")
        steps = [{row.layer: getattr(row, column) for row in norms} for norms in self.norms]
        known = {layer: [step.get(layer) for step in steps] for step in steps for layer in step}
        return {layer: [math.nan if x is None else x for x in values] for layer, values in known.items()}

    @property
    def warnings(self) -> list[str]:
        """A sentence for layers that vanish, and one for those that explode, at first and of late."""
        parts = [self[:WINDOW], self[-WINDOW:]] if len(self) > WINDOW else [self] if self else []
        last = self.norms[-1][-1].layer if self else ""
        usual = [{layer: typical(sizes) for layer, sizes in gradients(part).items()} for part in parts]
        start = next((sizes[last] for sizes in usual if last in sizes), 0.0)
        found = []
        for part, sizes in zip(parts, usual, strict=True):
            when = f"in steps {part.steps[0]:,} to {part.steps[-1]:,}"
            now = sizes.get(last, 0.0)
            if vanishing := [layer for layer, size in sizes.items() if size == 0 or FAR * size < now]:
                least = min(vanishing, key=sizes.__getitem__)
                much = f"{sizes[least] / now:.2g} of that of layer {named(last)}" if sizes[least] else "0"
                what = f"{several(vanishing, 'vanish', 'es')} {when}"
                found.append(f"{what}: ‖gradient‖ of layer {named(least)} is {much}")
            if exploding := [layer for layer, size in sizes.items() if math.isnan(size) or 0 < FAR * start < size]:
                most = max(exploding, key=lambda layer: (math.isnan(sizes[layer]), sizes[layer]))
                unknown = math.isnan(sizes[most])
                times = "" if unknown else f"{sizes[most] / start:.2g} times that of layer {named(last)} at first"
                what = f"{several(exploding, 'explode', 's')} {when}"
                found.append(f"{what}: ‖gradient‖ of layer {named(most)} is {times or 'nan or infinite'}")
        return found

    def to_text(self, width: int | None = None) -> str:
        """The layers as a table, with the shares that are not 0 throughout, and below it the warnings."""
        width = width or columns()
        if not self.norms:
            return "no steps"
        every = [row for norms in self.norms for row in norms]
        shares = [share for share in self.shares if share == "zeros" or any(getattr(row, share) for row in every)]
        header = ["layer", "first", "latest", "smallest", "largest", *shares]
        rows: list[list[Any]] = [[*header, -math.inf]]
        now = {row.layer: row for row in self.norms[-1]}
        for layer, sizes in gradients(self.norms).items():
            numbers = map(number, (sizes[0], sizes[-1], np.min(sizes), np.max(sizes)))
            parts = (percent(getattr(now.get(layer), share, None)) for share in shares)
            rows.append([named(layer), *numbers, *parts, log10(sizes[-1])])
        count = f"{len(self):,} step{'s' * (len(self) != 1)}, {self.steps[0]:,} to {self.steps[-1]:,}"
        title = f"‖gradient‖ at {count}; shares and bars are of the latest"
        table = barred(rows, "<" + ">" * (len(header) - 1), width, [row[-1] for row in rows])
        return "\n".join([title, *table, *(filled(warning, width, rest="  ") for warning in self.warnings)])

    __str__ = to_text

    def __repr__(self) -> str:
        latest = ", ".join(f"{row.layer}: {number(row.gradient)}" for norms in self.norms[-1:] for row in norms)
        return (
            f"<GradientHistory of {len(self):,} step{'s' * (len(self) != 1)}: {clipped(latest, 60) or 'nothing yet'}>"
        )

    def to_dict(self) -> dict[str, Any]:
        """The history as a list of its rows, one a step and layer, with strings for infinite numbers and nan."""
        moments = zip(self.steps, self.norms, strict=True)
        rows = [{"step": step, **row._asdict()} for step, norms in moments for row in norms]
        return {"rows": [row | {column: show.data.exact(row[column]) for column in COLUMNS} for row in rows]}

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return show.data.to_json(self.to_dict())

    def to_csv(self) -> str:
        """The rows of `to_dict` as CSV, with a header."""
        return show.data.to_csv(("step", *LayerHealth._fields), self.to_dict()["rows"])

    def plot(self, axes: Any = None) -> Any:
        """‖gradient‖ of each layer against the step on a logarithmic axis, above the shares; returns the Axes.

        Drawn into axes of one's own there are no shares.
        """
        if not self.norms:
            raise ValueError("plot: the history has no steps; call record first")
        return show.plots.history(self, axes)


def parameters(arrays: Mapping[str, tuple[Any, Any]]) -> list[Tensor]:
    """The arrays of another library as Tensors that have their gradients."""
    found = []
    for name, pair in arrays.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"record: {name} is a {type(pair).__name__}; give its (weight, gradient)")
        weight, gradient = (x if x is None else np.asarray(x.detach() if hasattr(x, "detach") else x) for x in pair)
        found.append(Tensor(weight, name=name))
        found[-1].grad = gradient
    return found


def gradients(moments: Iterable[GradientNorms]) -> dict[str, list[float]]:
    """‖gradient‖ by layer, where it was recorded."""
    found: dict[str, list[float]] = {}
    for norms in moments:
        for row in norms:
            found.setdefault(row.layer, []).append(row.gradient)
    return found


def typical(sizes: Sequence[float]) -> float:
    """The median; nan where one of the sizes is nan or infinite."""
    return median(sizes) if all(map(math.isfinite, sizes)) else math.nan


def named(layer: str) -> str:
    """What a layer is called in a sentence or a table, whatever it is called in the network."""
    return clipped(layer, 24)


def several(layers: Sequence[str], verb: str, ending: str) -> str:
    """Layers and what they do, in the singular or the plural: layers 1, 2 and 7 more vanish."""
    if len(layers) == 1:
        return f"layer {named(layers[0])} {verb}{ending}"
    names = map(named, layers if len(layers) <= 6 else layers[:4])
    others = f" and {len(layers) - 4} more" if len(layers) > 6 else ""
    return f"layers {', '.join(names)}{others} {verb}"
