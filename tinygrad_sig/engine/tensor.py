"""Tensor: a node of the graph. It computes with NumPy and remembers what it was computed from.

However an operation is written, `a * b`, `np.exp(t)`, `t.sum(axis=0)` or `sigmoid(t)`, it takes one lane: understand
the arguments, compute, make the node. What the derivative of a node is stands in `rules`, and how gradients travel from
node to node in `backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
from numpy import float64, ndarray

from ..calculus import rules  # noqa: F401 (its tables fill ROWS)
from ..calculus.compositions import COMPOSED
from ..calculus.foreign import is_duck, is_labelled
from ..calculus.functions import Function, cast
from ..calculus.rows import ROWS, Row, Table
from ..calculus.steps import STEPS
from .arraylike import NO_ROW, ArrayLike, composed, step
from .backward import walk
from .recording import TURNED, readers, recording
from .values import as_dtype, brief, elsewhere, floating, label, numeric, plain, readonly

NO_PARAMS: dict[str, Any] = {}
UNRECORDED: dict[str, Any] = {}  # What is computed from a leaf under no_grad has these, and backward can say so.
ONE = float64(1)
new = object.__new__
NO_FIT = (ValueError, IndexError, TypeError, NotImplementedError)


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
    op = property(lambda self: self.row and self.row.name, doc="The operation's name; None for a leaf.")

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
            for read in readers:
                read.append(self)
        return readonly(self._array)

    @data.setter
    def data(self, data: Any) -> None:
        array = floating(data, "data")
        if self.inputs:
            raise ValueError(f"data: {label(self)} was computed; give new data to the leaves that it came from")
        if array.shape != self.shape:
            raise ValueError(f"data: {label(self)} takes no data of shape {array.shape}; make a new Tensor")
        self._array = array.astype(self.dtype)

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
        if upstream is None:
            if type(self._array) is float64:
                return ONE
            if self._array.size != 1:
                raise ValueError(f"{caller}: {label(self)} is no scalar; give an upstream gradient of its shape")
            return self.dtype.type(1) if isinstance(self._array, np.generic) else np.ones_like(self._array)
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
        further = () if self.row.strokes else self.values[1 + len(inputs) :]
        return self, *inputs, *further

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The values of the inputs, as they were when this was computed."""
        return self.values[1] if self.row.arity is None else self.values[1 : 1 + len(self.inputs)]

    def augmented(self, function: Function, other: Any) -> Tensor:
        """t += other and its kind: a new node. Under no_grad a leaf gets new data instead, and stays a leaf."""
        made: Tensor = LANES[function](self, other)
        if self.inputs or not self.requires_grad or recording():
            return made
        self.data = made._array
        return self

    def detach(self) -> Tensor:
        """The same value as a constant."""
        return constant(self._array)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def __operation__(self, function: Function, *args: Any, **params: Any) -> Any:
        return LANES[function](*args, **params)

    def __array_ufunc__(self, ufunc: Any, how: str, *args: Any, **params: Any) -> Any:
        if how == "__call__":
            return LANES[ufunc](*args, **params)
        raise TypeError(f"{ufunc.__name__}.{how}: {NO_ROW}")

    def __array_function__(self, function: Function, types: Any, args: Any, params: Any) -> Any:
        return LANES[function](*args, **params)

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


def lane(row: Row) -> Callable[..., Any]:
    """The way to a node of this row, the same for every spelling: understand the arguments, compute, make the node.

    In most calls there are one or two Tensors of one dtype and no parameters, and so there is nothing to understand.
    """
    arity, compute, arguments, strokes = row.arity, row.compute, row.arguments, row.strokes

    def call(*args: Any, **params: Any) -> Any:
        if params or len(args) != arity:
            args, params = arguments.understood(args, params)
        for i in row.flat:
            if getattr(args[i], "requires_grad", False):
                raise TypeError(f"{row.name}: {label(args[i])} stands where there is no derivative; use t.data there")
        inputs = tensors(row, args)
        if inputs is NotImplemented:
            return NotImplemented
        values = [x._array for x in inputs]
        try:
            y = compute(*values, **params)
        except NO_FIT as error:
            y = elsewhere(row, inputs, params, error)
        if arity is None:
            values = [tuple(values)]
        elif row.elementwise and params:  # An elementwise entry takes them after its operands, all of them.
            values += arguments.in_order(params)
        return node(row, inputs, (y[0], *values, y[1]) if strokes else (y, *values), params)

    def unary(*args: Any, **params: Any) -> Any:
        if params or len(args) != 1 or type(args[0]) is not Tensor:
            return call(*args, **params)
        value = args[0]._array
        try:
            y = compute(value)
        except NO_FIT as error:
            y = elsewhere(row, args, params, error)
        return node(row, args, (y[0], value, y[1]) if strokes else (y, value))

    def binary(*args: Any, **params: Any) -> Any:
        if params or len(args) != 2:
            return call(*args, **params)
        a, b = args
        if type(a) is not Tensor or type(b) is not Tensor:
            args = a, b = operand(a, b), operand(b, a)
            if type(a) is not Tensor or type(b) is not Tensor:
                return call(a, b)
        u, v = a._array, b._array
        if u.dtype is not v.dtype:
            return call(a, b)
        try:
            y = compute(u, v)
        except NO_FIT as error:
            y = elsewhere(row, args, params, error)
        return node(row, args, (y, u, v))

    return call if row.flat else unary if arity == 1 else binary if arity == 2 else call


def node(row: Row, inputs: tuple[Tensor, ...], values: tuple[Any, ...], params: dict[str, Any] = NO_PARAMS) -> Tensor:
    """The Tensor y, computed by a row from inputs that had these values; a constant if no input needs a gradient."""
    y = values[0]
    if type(y) is ndarray and not y.ndim:
        values = y[()], *values[1:]
    for x in inputs:
        if x.requires_grad and (not TURNED or recording()):
            tensor = new(Tensor)
            tensor._array = values[0]
            tensor._name = tensor.grad = None
            tensor.requires_grad = True
            tensor.row = row
            tensor.inputs = inputs
            tensor.values = values
            tensor.params = params
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


def operand(argument: Any, beside: Any) -> Any:
    """A number or an array as a constant, where the Tensor beside it has its dtype; an array by a copy, because the
    gradient belongs to the forward pass, whatever the caller does to his array after it. Anything else as it is.
    """
    kind = type(argument)
    if kind is not Tensor and isinstance(beside, Tensor):
        if kind is float or kind is int:
            return constant(beside._array.dtype.type(argument))
        if (kind is ndarray or kind is float64) and argument.dtype is beside._array.dtype:
            return constant(argument.copy() if argument.ndim else argument[()])
    return argument


def tensors(row: Row, args: tuple[Any, ...]) -> Any:
    """The arguments as Tensors of one dtype; NotImplemented where an operator is to be left to another array type."""
    beside = None
    for argument in args:
        if type(argument) is Tensor:
            beside = argument
            break
    found = []
    for i, argument in enumerate(args):
        if type(argument) is not Tensor:
            argument = constant(numeric(argument, row.name)) if i in row.flat else operand(argument, beside)
        if type(argument) is not Tensor or (argument._array.dtype is not beside._array.dtype and i not in row.flat):
            if any(is_labelled(a) or (hasattr(a, "__operation__") and not isinstance(a, Tensor)) for a in args):
                return NotImplemented
            return promoted(row, args)
        found.append(argument)
    return tuple(found)


def promoted(row: Row, args: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The arguments as Tensors of one dtype, the one that NumPy's promotion gives, so that derivatives have it too.

    A Tensor of a narrower dtype is cast, an operation that casts its gradient back: the logarithm in the derivative of
    a ** b would else be taken of a float32 and multiply a float64. Arguments without a derivative stay as they are.
    """
    values = [plain(a) if isinstance(a, Tensor | int | float) else numeric(a, row.name) for a in args]
    taken = [i for i in range(len(args)) if row.entries[i]]
    dtype = np.result_type(*(getattr(values[i], "dtype", values[i]) for i in taken))
    inputs = []
    for i, (argument, value) in enumerate(zip(args, values, strict=True)):
        if not isinstance(argument, Tensor):
            argument = constant(as_dtype(value, dtype if i in taken else None))
        elif i in taken and value.dtype != dtype:
            argument = LANES[cast](argument, dtype=dtype)
        inputs.append(argument)
    return tuple(inputs)


class Lanes(dict[Function, Callable[..., Any]]):
    """What a call of a function with a Tensor does; made once for each function, of its row or else of what it is."""

    def __missing__(self, function: Function) -> Callable[..., Any]:
        if function in ROWS:
            made: Callable[..., Any] = lane(ROWS[function])
        elif function in COMPOSED:
            made = composed(function, COMPOSED[function])
        elif function in STEPS:
            made = step(function)
        else:
            raise TypeError(f"{function.__name__}: {NO_ROW}")
        if hasattr(function, "lanes"):
            function.lanes[Tensor] = made
        self[function] = made
        return made


LANES = Lanes()
for known in (*ROWS, *COMPOSED, *STEPS):
    LANES[known]
of_three = LANES[np.where]
LANES[np.where] = lambda *args, **params: (  # Of one argument it is np.nonzero.
    of_three(*args, **params) if params or len(args) != 1 else np.nonzero(plain(args[0]))
)


def spell(functions: Container[Function]) -> None:
    """Make the methods of Tensor for these functions the lanes themselves, without a detour by `__operation__`."""
    for name, method in vars(ArrayLike).items():
        if (function := getattr(method, "spells", None)) in functions:
            setattr(Tensor, name, LANES[function])
        elif (function := getattr(method, "spells_reflected", None)) in functions:
            setattr(Tensor, name, lambda right, left, lane=LANES[function]: lane(left, right))


def renew(function: Function) -> None:
    """Forget what a call of a function does, because its row is another now."""
    LANES.pop(function, None)
    getattr(function, "lanes", {}).pop(Tensor, None)
    spell([function])


spell(LANES)
Table.told.append(renew)
