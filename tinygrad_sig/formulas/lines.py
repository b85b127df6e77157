"""Lines: the reader that turns a run of a function, and the walk back through it, into the statements of a program.

A line is given to a function in place of an argument. It is a Tensor whose value is a statement: what is computed with
it is appended to a book, and is a line again, so the walk and the rules run as they are, and yield the lines of the
gradient. A statement carries the value that it has for the example, from which shapes and dtypes are known; nobody else
can ask for it, because the program will be run with other values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from ..calculus import activations as act
from ..calculus import functions as fn
from ..calculus.compositions import COMPOSED
from ..calculus.computing import COMPUTED
from ..calculus.functions import Function
from ..calculus.rows import ROWS, Row
from ..calculus.steps import STEPS
from ..engine.arraylike import ArrayLike, reflected, spelled
from ..engine.lanes import LANES, promoted
from ..engine.recording import open_blocks, recording
from ..engine.tensor import NO_PARAMS, Tensor
from ..engine.values import label

MOST = 200_000  # statements; most of them stand within a line of others, or are needed by nothing
ASKED = "asks for a value, which is another in each call of the program; use np.where, or compute it before"
# What is known from shapes and dtypes alone is no statement.
OF_SHAPES = {
    *(np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like, np.can_cast, np.min_scalar_type),
    *(np.common_type, np.iscomplexobj, np.isrealobj),
}
# Whose result has another shape for other values.
SHAPED = {np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.trim_zeros, np.unique}


class Unwritten(Exception):
    """A statement that the form of a program has no words for."""


class Statement:
    """function(*args, **params), where statements may stand among the arguments; and what it has for the example."""

    __slots__ = ("args", "function", "is_array", "letter", "names", "of", "params", "value")

    def __init__(self, function: Any, args: tuple[Any, ...], params: dict[str, Any], value: Any) -> None:
        self.function, self.args, self.params = function, args, params
        self.is_array = type(value) is ndarray and not value.ndim  # NumPy gives some numbers as arrays without axes.
        if not isinstance(value, tuple):
            value = value[()] if self.is_array else value if hasattr(value, "dtype") else np.asarray(value)[()]
        self.value: Any = value
        self.names: list[str] = []  # that the function gives it; it may have a letter, and be the gradient of another
        self.letter, self.of = "", None  # type: tuple[str, Any]

    @property
    def literal(self) -> Any:
        """Its value where that is a constant, and else the statement."""
        return self.args[0] if self.function is None and self.args else self


def leaves(tree: Any, kind: type | tuple[type, ...] = Statement) -> Iterator[Any]:
    """All of a kind in arguments, parameters and keys, however nested."""
    if isinstance(tree, kind):
        yield tree
    elif isinstance(tree, slice):
        yield from leaves((tree.start, tree.stop, tree.step), kind)
    elif isinstance(tree, list | tuple | dict):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(branch, kind)


def replaced(tree: Any, kind: type, by: Callable[[Any], Any]) -> Any:
    """The same arguments, parameters or keys with all of a kind replaced."""
    if isinstance(tree, kind):
        return by(tree)
    if isinstance(tree, slice):
        return slice(*(replaced(part, kind, by) for part in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, dict):
        return {key: replaced(branch, kind, by) for key, branch in tree.items()}
    return type(tree)(replaced(b, kind, by) for b in tree) if type(tree) in (list, tuple) else tree


class Held:
    """A line among parameters, for whoever refuses Tensors there, or copies what may change."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def __deepcopy__(self, memo: Any) -> Held:
        return self


class Line(Tensor):
    """A statement as a node of the graph: what a function, a rule or the walk computes with it becomes a line too."""

    __slots__ = ("book", "statement")

    def __init__(self, book: Book, statement: Statement, *, requires_grad: bool = False) -> None:
        self.book, self.statement, self.requires_grad = book, statement, requires_grad
        self.grad = self.row = None
        self.inputs = self.values = ()
        self.params = NO_PARAMS

    shape = property(lambda self: self.statement.value.shape)
    ndim = property(lambda self: self.statement.value.ndim)
    size = property(lambda self: self.statement.value.size)
    dtype = property(lambda self: self.statement.value.dtype)
    itemsize = property(lambda self: self.statement.value.itemsize)
    nbytes = property(lambda self: self.statement.value.nbytes)
    # The value of a line is a line: whoever takes a Tensor's value to compute with it writes on in the book.
    _array = property(lambda self: self.detach() if self.requires_grad else self)
    data = _array

    @property
    def name(self) -> str | None:
        return next(iter(self.statement.names), None)

    @name.setter
    def name(self, name: str | None) -> None:
        self.statement.names[:0] = [] if name is None else [name]

    def literal(self, value: Any) -> Line:
        """A constant as a line of the same book."""
        return self.book.literal(value)

    def told(self, found: dict[Any, Any]) -> None:
        """Let the lines of a backward pass from here know what they are the gradient of."""
        nodes = {node.statement for node in found if isinstance(node, Line)}
        for node, gradient in found.items():
            if isinstance(node, Line) and isinstance(gradient, Line) and gradient.statement not in nodes:
                gradient.statement.of = gradient.statement.of or node.statement

    def detach(self) -> Line:
        return Line(self.book, self.statement)

    def operands(self) -> tuple[Any, ...]:
        inputs = [x if x.requires_grad else x._array for x in self.inputs]
        if self.row.arity is None:
            return self, tuple(inputs)
        return self, *inputs, *(() if self.row.in_one_stroke else self.values[1 + len(inputs) :])

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        return self.book.operate(fn.cast, (self,), {"dtype": np.dtype(dtype)})

    def __operation__(self, function: Function, *args: Any, **params: Any) -> Any:
        return self.book.operate(function, args, params)

    def __array_ufunc__(self, ufunc: Any, how: str, *args: Any, **params: Any) -> Any:
        if how != "__call__":
            raise TypeError(f"write_out: {ufunc.__name__}.{how} is not written out; use the function, as np.sum")
        return self.book.operate(ufunc, args, params)

    def __array_function__(self, function: Function, types: Any, args: Any, params: Any) -> Any:
        return self.book.operate(function, args, params)

    def augmented(self, function: Function, other: Any) -> Any:
        return self.book.operate(function, (self, other), {})

    def __len__(self) -> int:
        return len(self.statement.value)

    def __repr__(self) -> str:
        return f"<a line of shape {self.shape}, {self.name}>"

    __hash__ = object.__hash__


def refused(what: str) -> Callable[..., Any]:
    """The method behind what would make the example's value a part of the program."""

    def refuse(self: Line, *args: Any, **params: Any) -> Any:
        named = f" of {self.name}" if self.name else ""
        raise TypeError(f"write_out: {what}{named} {ASKED}")

    return refuse


# A Tensor's methods are lanes, which compute; those of a line are an array's, which ask `__operation__`, and so write.
COMPARED: dict[str, Any] = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
COMPARED |= {"eq": np.equal, "ne": np.not_equal, "invert": np.invert}
BITWISE = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
METHODS: dict[str, Callable[..., Any]] = {
    **{n: m for n, m in vars(ArrayLike).items() if hasattr(m, "spells") or hasattr(m, "spells_reflected")},
    **{f"__{name}__": spelled(function) for name, function in {**COMPARED, **BITWISE}.items()},
    **{f"__r{name}__": reflected(function) for name, function in BITWISE.items()},
    **{f"__{name}__": refused(name) for name in ("bool", "float", "int", "index", "array")},
    **{name: refused(f".{name}()") for name in ("item", "tolist", "numpy")},
}
for name, method in METHODS.items():
    setattr(Line, name, method)


class Book:
    """The statements, in their order, each of them once; and `inline`, what is written in other functions."""

    def __init__(self, inline: dict[Function, Callable[..., Any]], takes: Callable[[Statement], bool]) -> None:
        self.inline, self.takes = inline, takes
        self.statements: list[Statement] = []
        self.known: dict[Any, tuple[Statement, Any]] = {}

    def argument(self, value: Any, requires_grad: bool) -> Line:
        self.statements.append(Statement(None, (), {}, value))
        return Line(self, self.statements[-1], requires_grad=requires_grad)

    def operate(self, function: Function, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """function(*args, **params), of which one is a line: by its row, by what it is composed of, or as it is."""
        if function is np.where and len(args) == 1:
            function = np.nonzero
        if any(x.requires_grad for x in leaves((args, params), Tensor)):
            if function in ROWS:
                return self.node(ROWS[function], args, params)
            if function in SETTLED:
                return self.settled(function, args, params)
            return LANES[function](*args, **params)
        return self.plain(function, args, params)

    def node(self, row: Row, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The line y of a row; what lanes do for Tensors."""
        hidden = replaced((args[row.arity or 0 :], params), Line, Held)
        if row.arity is not None:
            args = (*args[: row.arity], *hidden[0])
        args, params = row.arguments.understood(args, hidden[1])
        args, params = replaced((args, params), Held, lambda held: held.line)
        for i in row.without_entry:
            if getattr(args[i], "requires_grad", False):
                raise TypeError(f"{row.name}: {label(args[i])} stands where there is no derivative; use t.data there")
        inputs = promoted(row, args)
        x = [node._array for node in inputs]
        if row.function in ACTIVATIONS:
            x[0].statement.letter = x[0].statement.letter or "z"
        y = self.plain(COMPUTED[row.function] if row.function is np.std else row.function, tuple(x), params)
        if row.function in ACTIVATIONS:
            y.statement.letter = "a"
        if not any(node.requires_grad for node in inputs) or (open_blocks and not recording()):
            return y
        if row.arity is None:
            values: tuple[Any, ...] = (y, tuple(x))
        elif row.in_one_stroke:
            values = (y, *x, self.plain(PRIMES[row.function], tuple(x), {}))
        else:
            values = (y, *x, *(row.arguments.in_order(params) if row.elementwise and params else ()))
        made = Line(self, y.statement, requires_grad=True)
        made.row, made.inputs, made.values, made.params = row, inputs, values, params
        return made

    def settled(self, function: Function, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """What asks for values and so is written as a call, with the graph of what is the same and does not ask."""
        made = SETTLED[function](*args, **params)
        made.statement = self.plain(function, *replaced((args, params), Line, Line.detach)).statement
        return made

    def plain(self, function: Function, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The same without a derivative: the line of a statement, which may stand in the book already."""
        if function is fn.rearranged:
            function, args, params = params["by"], (*args, *params["of"]), {}
        args, params = replaced((args, params), Tensor, lambda x: getattr(x, "statement", x._array))
        args, params = replaced((args, params), Statement, lambda statement: statement.literal)
        examples, named = replaced((args, params), Statement, lambda statement: statement.value)
        if function in OF_SHAPES:
            return function(*examples, **named)
        if not (function in WRITABLE or function in ROWS or isinstance(function, np.ufunc)):
            raise TypeError(f"write_out: {function.__name__} is not written out; use functions that have a derivative")
        masks = function is fn.getitem and any(s.value.dtype == bool for s in leaves((args[1:], params)))
        if masks or function in SHAPED:
            what = f"the shape of what {function.__name__} returns depends on values"
            raise TypeError(f"write_out: {what}; use np.where, or compute it before")
        if params.get("out") is not None or len(args) > getattr(function, "nin", len(args)):
            raise TypeError(f"write_out: {function.__name__} with out= is not written out; leave it out")
        if not any(leaves((args, params))):
            return self.literal(function(*args, **params))
        lines = replaced((args, params), Statement, lambda statement: Line(self, statement))
        if function in self.inline and (found := self.inline[function](*lines[0], **lines[1])) is not None:
            return found
        if function in SHORTER and (found := SHORTER[function](*lines[0], **lines[1])) is not None:
            return found
        key = function, key_of(args), key_of(params)
        if key not in self.known:
            with np.errstate(all="ignore"):
                value = function(*examples, **named)
            self.known[key] = self.appended(Statement(function, args, params, value)), (args, params)
        statement = self.known[key][0]
        if isinstance(statement.value, tuple):
            parts = [self.plain(operator.getitem, (Line(self, statement), i), {}) for i in range(len(statement.value))]
            parts[-1].statement.letter = "s"
            return tuple(parts)
        return Line(self, statement)

    def knows(self, function: Function, *x: Line) -> bool:
        return (function, key_of([line.statement for line in x]), ()) in self.known

    def literal(self, value: Any) -> Line:
        """A constant as a line."""
        value = value[()] if type(value) is ndarray and not value.ndim else value
        return Line(self, Statement(None, (value,), {}, value))

    def appended(self, statement: Statement) -> Statement:
        if not self.takes(statement):
            raise Unwritten(statement.function)
        if len(self.statements) >= MOST:
            raise ValueError(
                f"write_out: {MOST:,} statements are too many for a program; write out a part of the function"
            )
        self.statements.append(statement)
        return statement


def key_of(tree: Any) -> Any:
    """What two arguments, parameters or keys have in common if and only if they are the same."""
    if isinstance(tree, Statement | ndarray):
        return id(tree)
    if isinstance(tree, dict | slice):
        tree = tuple(tree.items()) if isinstance(tree, dict) else (slice, tree.start, tree.stop, tree.step)
    return tuple(map(key_of, tree)) if isinstance(tree, list | tuple) else (type(tree), repr(tree))


def is_number(value: Any, number: float) -> bool:
    """Whether a constant is this number, or an array of it."""
    return not isinstance(value, Line) and np.size(value) > 0 and bool(np.all(np.equal(value, number)))


def is_uniform(array: Any) -> bool:
    """Whether an array has one number everywhere, which is not nan."""
    return array.size > 0 and bool(np.all((array == array.flat[0]) & (np.signbit(array) == np.signbit(array.flat[0]))))


def like(x: Any, other: Any) -> bool:
    """Whether shape and dtype of an elementwise function of x and another are those of x."""
    shape = np.broadcast_shapes(np.shape(x), np.shape(other))
    return bool(shape == x.shape and np.result_type(x, getattr(other, "dtype", other)) == x.dtype)


def product(a: Any, b: Any) -> Any:
    for x, other in ((a, b), (b, a)):
        if isinstance(x, Line) and is_number(other, 1) and like(x, other):
            return x
        if isinstance(x, Line) and is_number(other, -1) and like(x, other) and x.dtype.kind == "f":
            return np.negative(x)
    return repeated(np.multiply, a, b)


def total(a: Any, b: Any) -> Any:
    """a + b, where 0 adds nothing, and a + (−b) is a − b to the last digit."""
    for x, other in ((a, b), (b, a)):
        if isinstance(other, Line) and other.statement.function is np.negative and other.dtype.kind == "f":
            return np.subtract(x, Line(other.book, other.statement.args[0]))
    return added(a, b)


def unchanged(function: Function, neutral: int, either: bool = False) -> Callable[[Any, Any], Any]:
    """x + 0, x − 0 and x / 1 are x."""

    def simpler(a: Any, b: Any) -> Any:
        for x, other in ((a, b), (b, a))[: 1 + either]:
            if isinstance(x, Line) and is_number(other, neutral) and like(x, other):
                return x
        return repeated(function, a, b)

    return simpler


def repeated(function: Function, *x: Any) -> Any:
    """The function of what was repeated to the shape that the other operand has anyway: of itself, or of a number."""
    for i, value in enumerate(x):
        others = [other for other in x if other is not value]
        if isinstance(value, Line) and value.statement.function is np.broadcast_to:
            short: Any = Line(value.book, value.statement.args[0])
        elif isinstance(value, ndarray) and value.ndim and is_uniform(value):
            short = value.flat[0]
        else:
            continue
        if others and np.broadcast_shapes(*map(np.shape, (short, *others))) == np.broadcast_shapes(*map(np.shape, x)):
            return function(*x[:i], short, *x[i + 1 :])
    return None


def chosen(c: Any, a: Any, b: Any) -> Any:
    """One of two, where a constant says which."""
    if isinstance(c, Line) or np.ndim(c):
        return None
    x, other = (a, b) if c else (b, a)
    return x if isinstance(x, Line) and like(x, other) else None


def same(x: Any, shape: Any) -> Any:
    return x if np.broadcast_shapes(shape, ()) == x.shape else None


# What is shorter than a call of the function, where it is.
SHORTER: dict[Function, Callable[..., Any]] = {
    np.multiply: product,
    np.add: total,
    np.subtract: unchanged(np.subtract, 0),
    np.divide: unchanged(np.divide, 1),
    np.power: lambda a, b: a if is_number(b, 1) and like(a, b) else None,
    np.positive: lambda x: x,
    np.negative: lambda x: Line(x.book, x.statement.args[0]) if x.statement.function is np.negative else None,
    np.where: chosen,
    np.broadcast_to: lambda x, shape: same(x, shape),
    np.reshape: lambda x, shape=None, newshape=None: x if (newshape if shape is None else shape) == x.shape else None,
    np.transpose: lambda x, axes=None: x if x.ndim < 2 else None,
    np.swapaxes: lambda x, axis1, axis2: x if axis1 % x.ndim == axis2 % x.ndim else None,
    np.sum: lambda x, axis=None, keepdims=False: x if (axis == () or not x.ndim) and x.dtype.kind == "f" else None,
    fn.cast: lambda x, dtype: x if x.dtype == dtype else None,
}
added = unchanged(np.add, 0, either=True)
ACTIVATIONS = {fn.sigmoid, fn.relu, np.tanh, act.leaky_relu, act.elu, act.silu, act.gelu, act.softplus}
PRIMES: dict[Function, Function] = {fn.sigmoid: fn.sigmoid_prime}


def direction(x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    x = x / fn.magnitude(x, axis)
    return x / fn.divisor(fn.euclidean(x, axis=axis, keepdims=axis is not None))


def over_squares(a: Any, b: Any) -> Any:
    return fn.over_hypot(fn.cosine(a, b), a, b)


SETTLED: dict[Function, Callable[..., Any]] = {fn.direction: direction, fn.over_squares: over_squares}
WRITABLE = {*COMPOSED, *STEPS, fn.sigmoid_with_slope, fn.std, operator.getitem}
