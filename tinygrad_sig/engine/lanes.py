"""Lanes: the one way from a call to a node, whichever way the call is written.

`a * b`, `2 * a`, `np.exp(t)`, `t.sum(axis=0)`, `sigmoid(t)`, `t[1]`: there is one lane for each function, and every
spelling is that lane. It understands the arguments, computes, and makes the node.
"""

import sys
from collections.abc import Callable, Container
from typing import Any

import numpy as np
from numpy import float64, ndarray

from ..calculus import rules  # noqa: F401 (its tables fill ROWS)
from ..calculus.arguments import Arguments
from ..calculus.compositions import COMPOSED
from ..calculus.foreign import is_labelled, readonly
from ..calculus.functions import Function, cast
from ..calculus.rows import ROWS, Row, Table
from ..calculus.steps import STEPS, VALUED
from .arraylike import LOST, NO_ROW, ArrayLike
from .recording import recording
from .tensor import Tensor, constant, node
from .values import as_dtype, bare, elsewhere, label, numeric, plain

NO_FIT = (ValueError, IndexError, TypeError, OverflowError, NotImplementedError)


def lane(row: Row) -> Callable[..., Any]:
    """The way to a node of this row, the same for every spelling: understand the arguments, compute, make the node.

    In most calls there are one or two Tensors of one dtype and no parameters, and so there is nothing to understand.
    """
    arity, compute, arguments, in_one_stroke = row.arity, row.compute, row.arguments, row.in_one_stroke

    def call(*args: Any, **params: Any) -> Any:
        if params or len(args) != arity:
            args, params = arguments.understood(args, params)
        for i in row.without_entry:
            if getattr(args[i], "requires_grad", False):
                raise TypeError(f"{row.name}: {label(args[i])} stands where there is no derivative; use t.data there")
        inputs = tensors(row, args)
        if type(inputs) is not tuple:
            return inputs if inputs is NotImplemented else inputs.__operation__(row.function, *args, **params)
        values = [x._array for x in inputs]
        try:
            y = compute(*values, **params)
        except NO_FIT as error:
            y = elsewhere(row, inputs, params, error)
        if arity is None:
            values = [tuple(values)]
        elif row.elementwise and params:  # An elementwise entry takes them after its operands, all of them.
            values += arguments.in_order(params)
        return node(row, inputs, (y[0], *values, y[1]) if in_one_stroke else (y, *values), params)

    def unary(*args: Any, **params: Any) -> Any:
        if params or len(args) != 1:
            args, params = arguments.understood(args, params)
        if type(args[0]) is not Tensor:
            return call(*args, **params)
        value = args[0]._array
        try:
            y = compute(value, **params)
        except NO_FIT as error:
            y = elsewhere(row, args, params, error)
        values = (y[0], value, y[1]) if in_one_stroke else (y, value)
        if params and row.elementwise:
            values = *values, *arguments.in_order(params)
        return node(row, args, values, params)

    def binary(*args: Any, **params: Any) -> Any:
        if params or len(args) != 2:
            return call(*args, **params)
        a, b = args
        if type(a) is not Tensor or type(b) is not Tensor:
            args = a, b = (a, operand(b, a)) if type(a) is Tensor else (operand(a, b), b)
            if type(a) is not Tensor or type(b) is not Tensor:
                return call(a, b)
        u, v = a._array, b._array
        if not (type(u) is float64 is type(v)) and u.dtype is not v.dtype:
            return call(a, b)
        try:
            y = compute(u, v)
        except NO_FIT as error:
            y = elsewhere(row, args, params, error)
        return node(row, args, (y, u, v))

    return call if row.without_entry else unary if arity == 1 else binary if arity == 2 else call


def operand(argument: Any, beside: Any) -> Any:
    """A number or an array as a constant, where the Tensor beside it has its dtype; an array by a copy, because the
    gradient belongs to the forward pass, whatever the caller does to his array after it. Anything else as it is.
    """
    kind = type(argument)
    if kind is Tensor or not isinstance(beside, Tensor):
        return argument
    if kind is float or kind is int:
        return constant(beside._array.dtype.type(argument))
    if kind is float64 and beside._array.dtype is argument.dtype:
        return constant(argument)
    if kind is ndarray and argument.dtype is beside._array.dtype:
        return constant(argument.copy() if argument.ndim else argument[()])
    return argument


def tensors(row: Row, args: tuple[Any, ...]) -> Any:
    """The arguments as Tensors of one dtype; NotImplemented where an operator is to be left to another array type, and
    a Tensor of a kind that has operations of its own where there is one.
    """
    beside: Any = None
    for argument in args:
        if type(argument) is Tensor:
            beside = argument
            break
    found = []
    for i, argument in enumerate(args):
        if type(argument) is not Tensor:
            argument = constant(numeric(argument, row.name)) if i in row.without_entry else operand(argument, beside)
        if type(argument) is not Tensor or (
            argument._array.dtype is not beside._array.dtype and i not in row.without_entry
        ):
            own = [a for a in args if isinstance(a, Tensor) and type(a).__operation__ is not Tensor.__operation__]
            if own:
                return own[0]
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
    differentiable = [i for i in range(len(args)) if row.entries[i]]
    dtype = np.result_type(*(getattr(values[i], "dtype", values[i]) for i in differentiable))
    inputs = []
    for i, (argument, value) in enumerate(zip(args, values, strict=True)):
        if not isinstance(argument, Tensor):
            argument = constant(as_dtype(value, dtype if i in differentiable else None))
        elif i in differentiable and value.dtype != dtype:
            argument = LANES[cast](argument, dtype=dtype)
        inputs.append(argument)
    return tuple(inputs)


def step(function: Function) -> Function:
    """What a call of a function without a derivative does: it sees the plain values."""

    def call(*args: Any, **params: Any) -> Any:
        for i, value in enumerate((*args, *params.values())):
            if isinstance(value, Tensor):
                if i and function in VALUED and value.requires_grad:
                    raise TypeError(f"{function.__name__}: {label(value)} {LOST} there; use t.data, or np.where")
                readonly(value._array)  # It may stand for an array to write to.
        return function(*map(bare, args), **{key: bare(value) for key, value in params.items()})

    return call


def composed(function: Function, composition: Function) -> Function:
    """What a call of a function does that is written in others; what NumPy's own refuses has NumPy's reason."""
    arguments = Arguments(function, composition, 0, None)
    most = np.inf if arguments.count is None else arguments.count

    def call(*args: Any, **params: Any) -> Any:
        if params or len(args) > most:
            args, params = arguments.understood(args, params)
        try:
            return composition(*args, **params)
        except (TypeError, ValueError, IndexError):
            try:
                function(*map(bare, args), **{key: bare(value) for key, value in params.items()})
            except (TypeError, ValueError, IndexError) as error:
                causes = np.linalg.LinAlgError, IndexError, TypeError, ValueError
                category = next(cause for cause in causes if isinstance(error, cause))
                every = [a for arg in args for a in (arg if isinstance(arg, list | tuple) else [arg])]
                labels = [label(a) for a in every if isinstance(a, Tensor)]
                what = f"{' and '.join(labels)} do{'es' * (len(labels) == 1)} not fit: " * bool(labels)
                raise category(f"{function.__name__}: {what}{' '.join(str(error).split())}") from error
            raise

    return call


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
        function: Any = getattr(method, "spells", None)
        opposite: Any = getattr(method, "spells_reflected", None)
        if function in functions:
            setattr(Tensor, name, LANES[function])
        elif opposite in functions:
            setattr(Tensor, name, lambda right, left, lane=LANES[opposite]: lane(left, right))


def renew(function: Function) -> None:
    """Forget what a call of a function does, because its row is another now."""
    LANES.pop(function, None)
    getattr(function, "lanes", {}).pop(Tensor, None)
    spell([function])


def augmented(tensor: Tensor, function: Function, other: Any) -> Tensor:
    """t += other and its kind: a new node. Under no_grad a leaf gets new data instead, and stays a leaf."""
    made: Tensor = LANES[function](tensor, other)
    if tensor.inputs or not tensor.requires_grad or recording():
        return made
    tensor.data = made._array
    return tensor


def array_ufunc(tensor: Tensor, ufunc: Any, how: str, *args: Any, **params: Any) -> Any:
    """NumPy's protocol for np.exp(t) and array * t."""
    if how == "__call__":
        return LANES[ufunc](*args, **params)
    raise TypeError(f"{ufunc.__name__}.{how}: {NO_ROW}")


def release(tensor: Tensor) -> None:
    """Free the graph below a node, one node after the other, and none from within another.

    CPython frees what a node held from within the node, and for a graph of 5,000 that is too deep for the small stack
    of a browser. A node is free when only the inputs that are being looked at refer to it.
    """
    pending, tensor.inputs, tensor.values = [tensor.inputs], (), ()
    while pending:
        inputs = pending.pop()
        for x in inputs:
            if x.inputs and sys.getrefcount(x) == 2 + sum(other is x for other in inputs):
                pending.append(x.inputs)
                x.inputs = x.values = ()


TENSOR: dict[str, Any] = {
    "__operation__": lambda tensor, function, *args, **params: LANES[function](*args, **params),
    "__array_function__": lambda tensor, function, types, args, params: LANES[function](*args, **params),
    "__array_ufunc__": array_ufunc,
    "augmented": augmented,
}
for name, method in TENSOR.items():
    setattr(Tensor, name, method)
if sys.platform == "emscripten":
    setattr(Tensor, "__del__", release)  # noqa: B010 (mypy)
spell(LANES)
Table.listeners.append(renew)
