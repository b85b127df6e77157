"""Tensor: a node of the graph. It computes with NumPy and remembers what it was computed from.

Python's operators, methods and NumPy's functions all end in `node`. What the derivative of a node is stands in `rules`,
how gradients travel from node to node in `backward`, and how a Tensor passes for a NumPy array in `arraylike`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy import float64, ndarray

from ..calculus.computing import COMPUTED, IN_ONE_STROKE
from ..calculus.functions import Function, cast, is_duck, relu, sigmoid
from ..calculus.rules import LINEAR, LOCAL
from .arraylike import ArrayLike, brief, constant, fixed, floating, label, misfit, numeric, plain
from .backward import walk

switch: ContextVar[bool] = ContextVar("recording", default=True)
recording = switch.get
NO_PARAMS: dict[str, Any] = {}


@contextmanager
def recorded(on: bool) -> Iterator[None]:
    """Record what is computed inside, or not; every thread has a switch of its own."""
    token = switch.set(on)
    try:
        yield
    finally:
        switch.reset(token)


def no_grad() -> AbstractContextManager[None]:
    """Compute without recording: results inside are constants. Also a decorator; other threads go on recording.

    >>> with no_grad():
    ...     y = Tensor(2.0) * 3
    >>> y.requires_grad
    False
    """
    return recorded(False)


def operators(function: Function, compute: Function) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The methods behind one of Python's operators, for a Tensor on its left and on its right."""

    def forward(left: Any, right: Any) -> Tensor:
        if type(right) in (int, float):
            right = node(None, (), (left.dtype.type(right),))
        elif not isinstance(right, Tensor):
            left, right = promoted(function, (left, right))
        a, b = left._array, right._array
        if (type(a) is not float64 or type(b) is not float64) and a.dtype != b.dtype:
            left, right = promoted(function, (left, right))
            a, b = left._array, right._array
        try:
            y = compute(a, b)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise misfit(function, (left, right), error) from error
        return node(function, (left, right), (y, a, b))

    return forward, lambda right, left: forward(*promoted(function, (left, right)))


def method(function: Function) -> Callable[[Any], Any]:
    """A function of one Tensor as a method."""
    with_slope = IN_ONE_STROKE.get(function)

    def forward(self: Tensor) -> Tensor:
        x = self._array
        try:
            if with_slope:
                y, slope = with_slope(x)
                return node(function, (self,), (y, x, slope))
            return node(function, (self,), (function(x), x))
        except (TypeError, NotImplementedError) as error:
            raise misfit(function, (self,), error) from error

    forward.__name__, forward.__doc__ = function.__name__, f"{function.__name__}(self), elementwise."
    return forward


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

    __slots__ = ("_array", "function", "grad", "inputs", "name", "params", "requires_grad", "values")

    def __init__(self, data: Any, *, name: str | None = None, requires_grad: bool = True) -> None:
        self._array: Any = float64(data) if type(data) is float else fixed(floating(data, "Tensor"))
        self.name = name
        self.requires_grad = requires_grad
        self.grad: Any = None
        self.function: Function | None = None
        self.inputs: tuple[Tensor, ...] = ()
        self.values: tuple[Any, ...] = ()
        self.params = NO_PARAMS

    op = property(lambda self: self.function and self.function.__name__, doc="The operation's name; None for a leaf.")

    @property
    def data(self) -> Any:
        """The value, read-only. A leaf's may be replaced; graphs built before keep the value they were built with."""
        data = self._array  # What owns its memory could be made writable again, a view of it cannot.
        return data[...] if type(data) is ndarray else data

    @data.setter
    def data(self, data: Any) -> None:
        array = floating(data, "data")
        if self.inputs:
            raise ValueError(f"data: {label(self)} was computed; give new data to the leaves that it came from")
        if array.shape != self.shape:
            raise ValueError(f"data: {label(self)} takes no data of shape {array.shape}; make a new Tensor")
        self._array = fixed(array.astype(self.dtype))

    def backward(self, upstream: Any = None, create_graph: bool = False) -> None:
        """Compute the gradient of this tensor with respect to all that it depends on, and store it in their `grad`.

        A scalar starts from dy/dy = 1; for any other, `upstream` of its shape must be given. Leaves accumulate over
        calls until `zero_grad()`, inner nodes hold the latest. With `create_graph` gradients are Tensors, which can be
        differentiated again (they refer to the graph that holds them; `zero_grad()` frees both). Raises ValueError
        where the upstream gradient is missing or has another shape, and where the tensor is a constant.

        >>> x = Tensor([1.0, 2.0])
        >>> (x * x).backward([1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        start = self.seed(upstream)
        if create_graph:
            start = upstream if isinstance(upstream, Tensor) else node(None, (), (start,))
        for tensor, gradient in walk(self, start, create_graph).items():
            if tensor.grad is not None and not tensor.inputs:
                gradient = tensor.grad + gradient
            tensor.grad = fixed(gradient) if type(gradient) is ndarray else gradient

    def seed(self, upstream: Any = None, caller: str = "backward") -> Any:
        """The gradient that a backward pass from here starts with: dy/dy = 1, or a checked copy of `upstream`."""
        if not self.requires_grad:
            raise ValueError(f"{caller}: {label(self)} is a constant; start from a result that depends on a leaf")
        if upstream is None:
            if self._array.size != 1:
                raise ValueError(f"{caller}: {label(self)} is no scalar; give an upstream gradient of its shape")
            return self.dtype.type(1) if isinstance(self._array, np.generic) else np.ones_like(self._array)
        array = floating(plain(upstream), caller)
        if array.shape != self.shape:
            raise ValueError(f"{caller}: an upstream gradient of shape {array.shape} does not fit {label(self)}")
        array = array.astype(self.dtype)  # Over a duck array it becomes one too, as lazy and in the same chunks.
        return array * np.ones_like(self._array) if is_duck(self._array) else fixed(array)

    def operands(self) -> tuple[Any, ...]:
        """(y, x, …) as Tensors, for rules that are to build a graph; constants as NumPy saw them."""
        for tensor, value in zip(self.inputs, self.values[1:], strict=False):
            if tensor._array is not value:
                raise ValueError(f"{self.op}: {label(tensor)} was given new data; run the forward pass again")
        return self, *(tensor if tensor.requires_grad else tensor._array for tensor in self.inputs)

    def detach(self) -> Tensor:
        """The same value as a constant."""
        return node(None, (), (self._array,))

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    exp, log, sqrt = method(np.exp), method(np.log), method(np.sqrt)
    sin, cos, tanh = method(np.sin), method(np.cos), method(np.tanh)
    sigmoid, relu = method(sigmoid), method(relu)
    __neg__, __pos__, __abs__ = method(np.negative), method(np.positive), method(np.absolute)
    __add__, __radd__ = operators(np.add, operator.add)
    __sub__, __rsub__ = operators(np.subtract, operator.sub)
    __mul__, __rmul__ = operators(np.multiply, operator.mul)
    __truediv__, __rtruediv__ = operators(np.divide, operator.truediv)
    __mod__, __rmod__ = operators(np.remainder, operator.mod)
    __pow__, __rpow__ = operators(np.power, operator.pow)
    __matmul__, __rmatmul__ = operators(np.matmul, np.matmul)

    def apply(self, function: Function, args: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        """The node of any function that has a row: Tensors among `args` are its inputs, all else is constant."""
        inputs = promoted(function, args)
        values = [i._array for i in inputs]
        try:
            compute = COMPUTED.get(function, function)
            one_stroke = IN_ONE_STROKE.get(function)
            results = one_stroke(*values) if one_stroke else (compute(*values, **params),)
        except (ValueError, IndexError, TypeError, NotImplementedError) as error:
            raise misfit(function, inputs, error) from error
        y = results[0]
        if getattr(getattr(y, "dtype", None), "kind", None) != "f":
            what = getattr(y, "dtype", type(y).__name__)
            raise TypeError(f"{function.__name__}: it returned {what} data; let it return a floating array")
        return node(function, inputs, (y if np.ndim(y) else y[()], *values, *results[1:]), params)

    def __reduce__(self) -> Any:
        if self.inputs:
            raise TypeError(
                f"copy: {label(self)} was computed by {self.op}; copy the leaves, or the result of detach()"
            )
        return Tensor, (self._array,), (None, {key: getattr(self, key) for key in ("name", "requires_grad", "grad")})

    def __repr__(self) -> str:
        parts = [brief(self._array)]
        parts += [f"dtype={self.dtype}"] * (self.dtype != float64)
        parts += [f"{key}={value!r}" for key in ("name", "op") if (value := getattr(self, key)) is not None]
        parts += ["requires_grad=False"] * (not self.requires_grad)
        return f"Tensor({', '.join(parts)}, grad={brief(self.grad)})"


def node(
    function: Function | None, inputs: tuple[Tensor, ...], values: tuple[Any, ...], params: dict[str, Any] = NO_PARAMS
) -> Tensor:
    """The Tensor y = function(*inputs, **params) with values = (y, *inputs); constant if no input needs a gradient."""
    tensor = object.__new__(Tensor)
    tensor._array = data = values[0]
    if type(data) is ndarray:
        data.setflags(write=False)
    tensor.name = tensor.grad = None
    for input in inputs:
        if input.requires_grad and recording():
            tensor.requires_grad = True
            tensor.function = function
            tensor.inputs = inputs
            tensor.values = values
            tensor.params = params
            return tensor
    tensor.requires_grad = False
    tensor.function = None
    tensor.inputs = tensor.values = ()
    tensor.params = NO_PARAMS
    return tensor


def promoted(function: Function, args: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The arguments as Tensors of one dtype, the one that NumPy's promotion gives, so that derivatives have it too.

    What is no Tensor becomes a constant, by a copy: the gradient belongs to the forward pass, whatever the caller does
    to his array after it. A Tensor of a narrower dtype is cast, an operation that casts its gradient back.
    """
    if all(isinstance(a, Tensor) for a in args) and len({a.dtype for a in args}) == 1:
        return args
    name = function.__name__
    values = [plain(a) if isinstance(a, Tensor | int | float) else numeric(a, name) for a in args]
    row = LOCAL.get(function) or LINEAR[function]
    taken = [i for i in range(len(args)) if row[i]]
    dtype = np.result_type(*(getattr(values[i], "dtype", values[i]) for i in taken))
    inputs = []
    for i, (argument, value) in enumerate(zip(args, values, strict=True)):
        if not isinstance(argument, Tensor):
            argument = node(None, (), (constant(value, dtype if i in taken else None),))
        elif i in taken and value.dtype != dtype:
            argument = argument.apply(cast, (argument,), {"dtype": dtype})
        inputs.append(argument)
    return tuple(inputs)
