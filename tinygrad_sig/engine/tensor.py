"""Tensor: a node of the graph. It computes with NumPy and remembers what it was computed from.

What the derivative of a node is stands in `rules`, and how gradients travel from node to node in `backward`. Operators
and methods are the same for all rows: `lanes` gives a Tensor one for each, and all of them end in `node`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import float64, ndarray

from ..calculus.foreign import is_duck, readonly
from ..calculus.rows import Row
from .arraylike import ArrayLike
from .backward import walk
from .recording import open_blocks, readers, recording
from .values import floating, label, plain

NO_PARAMS: dict[str, Any] = {}
UNRECORDED: dict[str, Any] = {}  # Another empty dict: by it backward knows what was computed from a leaf under no_grad.
new = object.__new__


class Tensor(ArrayLike):
    """An array or a number that remembers how it was computed, and so can tell its gradients.

    `data` is copied; floating dtypes are kept, integers and booleans become float64, and TypeError is raised for all
    others. `requires_grad=False` makes it a constant. `name` is what errors, traces and formulas call it.

    >>> x = Tensor(3.0, name="x")
    >>> y = x * x + 2 * x
    >>> y.backward()
    >>> x
    Tensor(3.0, name='x', grad=8.0)
    """

    __slots__ = ("_array", "_name", "grad", "inputs", "params", "requires_grad", "row", "values")

    def __init__(self, data: Any, *, name: str | None = None, requires_grad: bool = True) -> None:
        self._array: Any = float64(data) if type(data) is float else floating(data, "Tensor")
        self._name: str | None = None
        if name is not None:
            self.name = name
        self.requires_grad = requires_grad
        self.grad: Any = None
        self.row: Any = None  # A leaf has none.
        self.inputs: tuple[Tensor, ...] = ()
        self.values: tuple[Any, ...] = ()
        self.params = NO_PARAMS

    function = property(lambda self: self.row and self.row.function, doc="What computed it; None for a leaf.")
    op = property(lambda self: self.row and self.row.called(self.params), doc="The operation's name; None for a leaf.")

    @property
    def name(self) -> str | None:
        """What errors, traces and formulas call it."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        if not (name is None or isinstance(name, str)):
            raise TypeError(f"name: {name!r} is no text; give a str, or None")
        self._name = name

    @property
    def data(self) -> Any:
        """The value, read-only. A leaf's may be replaced; graphs built before keep the value they were built with."""
        if self.requires_grad:
            for read in tuple(readers):
                read.append(self)
        return readonly(self._array)

    @data.setter
    def data(self, data: Any) -> None:
        array = floating(data, "data")
        if self.inputs:
            raise ValueError(f"data: {label(self)} was computed; give new data to the leaves that it came from")
        if array.shape != self.shape:
            raise ValueError(f"data: {label(self)} takes no data of shape {array.shape}; make a new Tensor")
        self._array = array.astype(self.dtype, copy=False)

    def backward(self, upstream: Any = None, create_graph: bool = False) -> None:
        """Compute the gradient of this tensor with respect to all that it depends on, and store it in their `grad`.

        A scalar starts from dy/dy = 1; for any other, `upstream` of its shape must be given. Leaves accumulate over
        calls until `zero_grad()`, inner nodes hold the latest. With `create_graph` gradients are Tensors, which can be
        differentiated again, and hold the graph until `zero_grad()`. Raises ValueError where the upstream gradient is
        missing or has another shape, and where the tensor is a constant.

        >>> x = Tensor([1.0, 2.0])
        >>> (x * x).backward([1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        start = self.seed(upstream)
        if create_graph:
            start = upstream if isinstance(upstream, Tensor) else constant(start)
        for tensor, gradient in walk(self, start, create_graph).items():
            if tensor.grad is not None and not tensor.inputs:
                gradient = tensor.grad + gradient
            if type(gradient) is ndarray:
                gradient.setflags(write=False)
                gradient = gradient if gradient.ndim else gradient[()]
            tensor.grad = gradient

    def seed(self, upstream: Any = None, caller: str = "backward") -> Any:
        """The gradient that a backward pass from here starts with: dy/dy = 1, or a checked copy of `upstream`."""
        if not self.requires_grad:
            why = "is a constant; start from a result that depends on a leaf"
            if self.params is UNRECORDED:
                why = "was computed under no_grad; compute it outside of that"
            raise ValueError(f"{caller}: {label(self)} {why}")
        for read in readers and tuple(readers):  # The gradients are plain: who differentiates this pass has lost them.
            read.append(self)
        if upstream is None:
            if self._array.size != 1:
                raise ValueError(f"{caller}: {label(self)} is no scalar; give an upstream gradient of its shape")
            return self._array.dtype.type(1) if isinstance(self._array, np.generic) else np.ones_like(self._array)
        array = floating(plain(upstream), caller)
        if array.shape != self.shape:
            raise ValueError(f"{caller}: an upstream gradient of shape {array.shape} does not fit {label(self)}")
        array = array.astype(self.dtype)  # Over a duck array it becomes one too, as lazy and in the same chunks.
        return array * np.ones_like(self._array) if is_duck(self._array) else array

    def operands(self) -> tuple[Any, ...]:
        """The values as Tensors, for entries that are to build a graph; constants as NumPy saw them."""
        inputs = []
        for tensor, value in zip(self.inputs, self.arguments, strict=True):
            if tensor.requires_grad and tensor._array is not value:
                raise ValueError(f"{self.op}: {label(tensor)} was given new data; run the forward pass again")
            inputs.append(tensor if tensor.requires_grad else value)
        if self.row.arity is None:
            return self, tuple(inputs)
        further = () if self.row.in_one_stroke else self.values[1 + len(inputs) :]
        return self, *inputs, *further

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The values of the inputs, as they were when this was computed."""
        return self.values[1] if self.row.arity is None else self.values[1 : 1 + len(self.inputs)]

    def detach(self) -> Tensor:
        """The same value as a constant."""
        return constant(self._array)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None


def node(row: Row, inputs: tuple[Tensor, ...], values: tuple[Any, ...], params: dict[str, Any] = NO_PARAMS) -> Tensor:
    """The Tensor y, computed by a row from inputs that had these values; a constant if no input needs a gradient."""
    y = values[0]
    if type(y) is ndarray and not y.ndim:
        values = y[()], *values[1:]
    for x in inputs:
        if x.requires_grad and (not open_blocks or recording()):
            tensor = new(Tensor)
            tensor._array = values[0]
            tensor._name = tensor.grad = None
            tensor.requires_grad = True
            tensor.row = row
            tensor.inputs = inputs
            tensor.values = values
            tensor.params = params or NO_PARAMS
            return tensor
    made = constant(values[0])
    if any(x.requires_grad or x.params is UNRECORDED for x in inputs):
        made.params = UNRECORDED
    return made


def constant(value: Any) -> Tensor:
    """A Tensor that no gradient reaches."""
    tensor = new(Tensor)
    tensor._array = value
    tensor._name = tensor.grad = tensor.row = None
    tensor.requires_grad = False
    tensor.inputs = tensor.values = ()
    tensor.params = NO_PARAMS
    return tensor
