"""Functions of functions: grad, value_and_grad, jacobian, hessian, vjp and jvp, to any order and nested in any way.

Arguments are numbers, arrays, and nested lists, tuples and dicts of them; results have the same structure. Plain
arguments give plain results. Given Tensors, or a function that depends on Tensors besides its arguments, results are
Tensors, because they can be differentiated again: that is all that nesting takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import reduce, wraps
from itertools import repeat
from operator import add
from threading import Lock
from typing import Any

import numpy as np

from ..calculus.functions import Function, cast
from ..calculus.rows import ROWS
from ..engine.backward import topological_order, walk
from ..engine.recording import readers, recorded, recording
from ..engine.tensor import Tensor, constant
from ..engine.values import floating, label, plain
from .forward import push

Argnums = int | Sequence[int]

live: set[Tensor] = set()  # The arguments of functions that are being run: somebody will differentiate by them.
turn = Lock()  # Of threads, to enter in `readers` and to leave.


def value_and_grad(f: Function, argnums: Argnums = 0) -> Callable[..., tuple[Any, Any]]:
    """The function that returns (f(x, …), its gradient), for the price of the gradient.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """
    return gradient_function("value_and_grad", f, argnums, lambda value, gradient: (value, gradient))


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of a function with a scalar value, as a function of the same arguments.

    It is taken with respect to the argument at `argnums`, and has its structure; for a tuple of positions it is a tuple
    of gradients. Raises ValueError where f returned no scalar, and TypeError where it returned a plain value after
    reading one by .data or .item(), for then the derivative is lost; that of any other plain value is 0.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 1.0, "b": 2.0})
    {'w': np.float64(3.0), 'b': np.float64(1.0)}
    """
    return gradient_function("grad", f, argnums, lambda value, gradient: gradient)


def gradient_function(caller: str, f: Function, argnums: Argnums, select: Callable[[Any, Any], Any]) -> Function:
    """The function of f's arguments that returns what `select` makes of (value, gradient)."""

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        run = Run(caller, f, argnums, args, kwargs)
        y = run.value
        if not isinstance(y, Tensor) or y.size != 1:
            shape = f"shape {y.shape}" if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(f"{caller}: the function returned {shape}, and no scalar; use jacobian, vjp or jvp")
        return select(run.result(y), run.by_argument(run.gradients(y, unit(y, 0))))

    return gradient


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """All derivatives of all outputs: for y of shape m and x of shape n, an array of shape m + n with ∂y_i/∂x_j.

    One backward pass for each element of the output. Where f returns a structure, the result has that structure, with
    the structure of the argument in the place of every output.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        run = Run("jacobian", f, argnums, args, kwargs)
        found = []
        for y in run.outputs:
            rows = [run.gradients(y, unit(y, i)) for i in range(y.size)]
            blocks = []
            for k, x in enumerate(run.variables):
                block = np.stack([row[k] for row in rows]) if rows else np.zeros(0, x.dtype)
                blocks.append(run.result(np.reshape(block, y.shape + x.shape)))
            found.append(run.by_argument(blocks))
        return unflatten(run.value, iter(found))

    return derivatives


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The second derivatives of a function with a scalar value: the jacobian of its gradient, of shape n + n.

    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([3.0, 5.0])).tolist()
    [[0.0, 10.0], [10.0, 6.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(f(x, …), a function that carries an upstream gradient of its shape back to a tuple of gradients): g ↦ g·J.

    >>> value, back = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> back(1.0)
    (np.float64(3.0), np.float64(2.0))
    """
    run = Run("vjp", f, range(len(primals)), primals, {})

    def back(upstream: Any) -> tuple[Any, ...]:
        given = alike("vjp", "an upstream gradient", upstream, run.value, run.outputs)
        parts = [run.gradients(y, g) for y, g in zip(run.outputs, given, strict=True)]
        parts = parts or [run.gradients(constant(0.0), 0.0)]
        return tuple(run.by_argument([reduce(add, terms) for terms in zip(*parts, strict=True)]))

    return unflatten(run.value, map(run.result, run.outputs)), back


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(f(x, …), its derivative along the tangents of x, …): v ↦ J·v, in forward mode.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (np.float64(6.0), np.float64(23.0))
    """
    for given in (primals, tangents):
        if not isinstance(given, list | tuple):
            raise TypeError(f"jvp: a {type(given).__name__} is no tuple with one entry for each argument; write (x,)")
    run = Run("jvp", f, range(len(primals)), primals, {})
    along = run.tangents(alike("jvp", "a tangent", tuple(tangents), tuple(primals), run.variables))
    return unflatten(run.value, map(run.result, run.outputs)), unflatten(run.value, iter(along))


class Run:
    """One run of f, with Tensors of its own in the place of what is to be differentiated by: the `variables`.

    Its results are Tensors where Tensors were given. They have a graph too where it is `tracked`: where what f returned
    depends on yet another Tensor, by which somebody may want to differentiate them. It is a leaf of the caller's, or a
    variable of a run around this one: in grad(lambda x: x * grad(lambda y: x * y)(1.0)) the inner gradient is x.
    """

    def __init__(self, caller: str, f: Function, argnums: Argnums, args: Sequence[Any], kwargs: Any) -> None:
        if not callable(f):
            raise TypeError(f"{caller}: a {type(f).__name__} is no function; give the function to differentiate")
        self.single = not isinstance(argnums, Sequence)
        numbers = positions(caller, argnums, len(args))
        # The structures are copied, because f and its caller may change theirs.
        self.trees = [unflatten(args[n], iter(flatten(args[n]))) for n in numbers]
        leaves, args = flatten(self.trees), list(args)
        read: list[Tensor] = []  # The Tensors whose plain values f has read.
        with recorded(True):
            self.variables = [variable(leaf, caller) for leaf in leaves]
            own = iter(self.variables)
            for n, tree in zip(numbers, self.trees, strict=True):
                args[n] = unflatten(tree, own)
            try:
                live.update(self.variables)
                with turn:
                    readers.append(read)
                value = f(*args, **kwargs)
            finally:
                live.difference_update(self.variables)
                with turn:
                    readers[:] = [other for other in readers if other is not read]
        self.outputs = [self.output(y, caller, read) for y in flatten(value)]
        self.value = unflatten(value, iter(self.outputs))
        others = ancestors(self.outputs).difference(self.variables)
        self.tracked = any(x in live or (x.requires_grad and not x.inputs) for x in others)
        self.tensors = any(isinstance(leaf, Tensor) for leaf in leaves)

    def output(self, y: Any, caller: str, read: Sequence[Tensor]) -> Tensor:
        """What f returned, as a Tensor. The derivative of a plain number is 0, be it np.floor's or one of f's own, but
        not if f has read the value of a Tensor that depends on the arguments: then the number may be made of that.
        """
        if isinstance(y, Tensor):
            return y
        is_plain = isinstance(y, bool | int | float | np.generic | np.ndarray)
        if is_plain and ancestors(read).isdisjoint(self.variables):
            return Tensor(y, requires_grad=False)
        raise TypeError(
            f"{caller}: the function returned a {type(y).__name__}, which has lost its derivative; compute it from the "
            "arguments with NumPy's functions, and without .item() or .data"
        )

    def gradients(self, y: Tensor, upstream: Any) -> list[Any]:
        """The gradient of an output with respect to each variable."""
        tracked = self.tracked or isinstance(upstream, Tensor)
        found = {x: np.zeros_like(x._array) for x in self.variables}  # of those that y does not depend on
        if y.requires_grad:
            found |= walk(y, wrapped(upstream, y) if tracked else upstream, tracked, until=set(self.variables))
            if hasattr(y, "told"):
                y.told(found)
        return [self.result(found[x], tracked) for x in self.variables]

    def tangents(self, given: Sequence[Any]) -> list[Any]:
        """The tangent of each output, for a tangent of each variable."""
        tracked = self.tracked or any(isinstance(t, Tensor) for t in given)
        along = dict(zip(self.variables, map(wrapped, given) if tracked else given, strict=True))
        return [self.result(push(y, along, tracked), tracked) for y in self.outputs]

    def result(self, value: Any, tracked: bool = False) -> Any:
        """A value as the caller gets it: a Tensor where Tensors were given, and else an array that is nobody else's."""
        tracked = tracked or self.tracked
        if not (tracked and recording()):
            value = plain(value)
        if tracked or self.tensors:
            return wrapped(value)
        return np.array(value)[()] if type(value) is np.ndarray else value

    def by_argument(self, leaves: Sequence[Any]) -> Any:
        """One result for each variable, in the structure of the arguments that they came from."""
        own = iter(leaves)
        parts = tuple(unflatten(tree, own) for tree in self.trees)
        return parts[0] if self.single else parts


def ancestors(tensors: Sequence[Tensor]) -> set[Tensor]:
    """All that the tensors depend on, and they themselves."""
    return {x for y in tensors for node in (y, *topological_order(y)) for x in (node, *node.inputs)}


def variable(leaf: Any, caller: str) -> Tensor:
    """A node in the place of an argument; through it, outer derivatives reach a Tensor that was given.

    It is never a leaf: a leaf that a result depends on belongs to the caller, who may want to differentiate by it.
    """
    if isinstance(leaf, Tensor) and leaf.requires_grad:
        return +leaf  # type: ignore[no-any-return]
    data = floating(plain(leaf), caller)
    made = Tensor(0.0)
    made._array, made.row, made.inputs, made.values = data, ROWS[np.positive], (constant(data),), (data, data)
    return made


def unit(y: Tensor, i: int) -> Any:
    """The upstream gradient that asks for the i-th element of y: 1 there, 0 elsewhere."""
    upstream = np.zeros(y.shape, y.dtype)
    upstream.flat[i] = 1
    return upstream[()]


def wrapped(value: Any, beside: Any = None) -> Tensor:
    """A value as a Tensor, of the kind of another."""
    if isinstance(value, Tensor):
        return value
    return beside.literal(value) if hasattr(beside, "literal") else Tensor(value, requires_grad=False)


def positions(caller: str, argnums: Argnums, count: int) -> list[int]:
    """The arguments that argnums name, counted from 0."""
    numbers = argnums if isinstance(argnums, Sequence) else [argnums]
    for number in numbers:
        if not isinstance(number, int | np.integer) or not -count <= number < count:
            shown = " ".join(repr(number).split())
            raise ValueError(f"{caller}: there is no argument {shown} among {count}; give other argnums")
    found = [int(number) % count for number in numbers]
    if len(set(found)) < len(found):
        raise ValueError(f"{caller}: argnums {argnums} name an argument twice; name it once")
    return found


def alike(caller: str, what: str, tree: Any, pattern: Any, tensors: Sequence[Tensor]) -> list[Any]:
    """The leaves of a tree of the structure of `pattern`, of the shapes of the tensors and brought to their dtypes."""
    found, leaves = [], matched(tree, pattern)
    if leaves is None:
        raise ValueError(f"{caller}: {what} has the structure {structure(tree)}, not {structure(pattern)}; match it")
    for leaf, tensor in zip(leaves, tensors, strict=True):
        value = leaf if isinstance(leaf, Tensor) else floating(leaf, caller)
        if value.shape != tensor.shape:
            raise ValueError(f"{caller}: {what} of shape {value.shape} does not fit {label(tensor)}")
        found.append(value if value.dtype == tensor.dtype else cast(value, tensor.dtype))
    return found


def matched(tree: Any, pattern: Any) -> list[Any] | None:
    """The leaves of a tree in the order of `pattern`, by keys in dicts; None where the structures differ."""
    if isinstance(pattern, dict) and isinstance(tree, dict) and tree.keys() == pattern.keys():
        tree, pattern = [tree[key] for key in pattern], list(pattern.values())
    if not isinstance(pattern, list | tuple):  # A list of numbers will do for an array.
        return None if isinstance(tree, dict) or isinstance(pattern, dict) else [tree]
    if not isinstance(tree, list | tuple) or len(tree) != len(pattern):
        return None
    branches = list(map(matched, tree, pattern))
    return None if None in branches else [leaf for branch in branches for leaf in branch or ()]


def flatten(tree: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts, in their order."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [leaf for branch in tree for leaf in flatten(branch)] if isinstance(tree, list | tuple) else [tree]


def unflatten(tree: Any, leaves: Iterator[Any]) -> Any:
    """The same structure with other leaves."""
    if isinstance(tree, dict):
        made = copy(tree)  # It may be an OrderedDict or a defaultdict.
        made.update((key, unflatten(branch, leaves)) for key, branch in tree.items())
        return made
    if isinstance(tree, list | tuple):
        branches = [unflatten(branch, leaves) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return next(leaves)


def structure(tree: Any) -> str:
    """The structure of a tree as text, with a * for each leaf."""
    return repr(unflatten(tree, repeat(...))).replace("Ellipsis", "*").replace(",)", ")")
