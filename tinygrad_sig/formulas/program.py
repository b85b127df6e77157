"""write_out: a function and its backward pass as the Python program that one would have written by hand.

The function is run once with lines in place of its arguments, and the walk goes back through them. What then stands in
their book is written down, each step once: with operators and `math` where all is floats, with NumPy where there are
arrays. What no result needs is left out.
"""

from __future__ import annotations

import builtins
import linecache
import sys
from ast import literal_eval
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import signature, unwrap
from os import PathLike
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
from numpy import float64

from ..calculus.functions import Function
from ..engine.backward import topological_order, walk
from ..engine.display import Displayed
from ..engine.recording import recorded
from ..engine.tensor import Tensor
from ..engine.values import floating, numeric, plain
from ..transforms.functional import flatten, matched, positions, unflatten, value_and_grad
from .carried import carried
from .guards import Guard
from .lines import Book, Line, Statement, Unwritten, leaves
from .reuse import OF_REUSE, ReusingWriter
from .roll import SHORT, Roller, Unrolled
from .words import IN_NUMPY, KNOWN, NAME, OF_ARRAYS, OF_FLOATS, RESERVED, Dialect
from .writer import Writer

Argnums = int | Sequence[int] | None
MOST = 20_000  # lines


class Program(Displayed):
    """A function and its gradients written out: called like the function, printed as its source.

    `str` is the function as one reads it; `source` is the module that `save` writes, which needs NumPy alone.
    """

    __slots__ = ("__call__", "__wrapped__", "about", "eps", "name", "parts", "text", "used")
    __call__: Callable[..., Any]  # A slot, so that a call is one of the function itself.
    eps: float  # of the coarsest dtype that it computes in

    def __init__(self, name: str, about: str, text: str, parts: list[str], used: dict[str, Any]) -> None:
        self.name, self.about, self.text, self.parts, self.used = name, about, text, parts, used
        known = dict(used)
        for number, part in enumerate(parts, 1):
            where = f"<{name}, written out, part {number}>"
            linecache.cache[where] = len(part), None, part.splitlines(keepends=True), where
            exec(compile(part, where, "exec"), known)
        self.__call__, self.__wrapped__ = known[name], known["written"]

    @property
    def source(self) -> str:
        """A module with the program in it, and with all that it calls; ValueError where that has no source."""
        own = self.__call__.__globals__.keys() - self.used.keys()
        imports, definitions = carried(self.used, own)
        head = f'"""{self.about}"""\n\n' + "\n".join(imports)
        return "\n\n\n".join((head, *definitions, *self.parts)) + "\n"

    def save(self, path: str | PathLike[str]) -> None:
        """Write the source to a file."""
        Path(path).write_text(self.source, encoding="utf-8")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<program {self.name}, {len(self.text.splitlines())} lines>"


def write_out(f: Function, *args: Any, argnums: Argnums = None, reuse: bool = False, roll: bool = False) -> Program:
    """f and its gradient as the program that one would have written by hand, for arguments like these.

    The program returns what `value_and_grad` does: (f(x, …), its gradient), by the arguments at `argnums`, which are
    all if that is None; for argnums=() it returns f(x, …) alone, be it of any structure. It takes arguments of the same
    structure, shapes and dtypes, and other values, so f must not ask for values: TypeError where it does. Arrays and
    numbers that f knows from elsewhere are constants of the program, and so is what it draws by chance.

    With `reuse` the lines of a program on arrays write into arrays that it keeps, which is faster and harder to read;
    its results may differ in the last digits, and are the caller's own all the same.

    With `roll` the layers of a chain of numbers are loops over the lists that the arguments are, of one length: only a
    few of them are read, and the graph of all is held against those. ValueError where its lines do not repeat.

    >>> program = write_out(lambda w, x: np.exp(w * x), 2.0, 0.5)
    >>> print(program)
    def program(w, x):
        y = exp(w * x)
        d_w = y * x
        d_x = y * w
        return y, (d_w, d_x)
    >>> program(0.0, 3.0)
    (1.0, (3.0, 0.0))
    """
    if not callable(f):
        raise TypeError(f"write_out: a {type(f).__name__} is no function; give the function to write out")
    args = tuple(unflatten(tree, map(plain, flatten(tree))) for tree in args)
    if argnums is None:
        argnums = 0 if len(args) == 1 else range(len(args))
    program = None
    with suppress(Unwritten):
        program = rolled(f, args, argnums) if roll else written(f, args, argnums, OF_FLOATS)
    if roll and program is None:
        raise ValueError("write_out: only a program on numbers can be rolled; leave out roll, or give numbers")
    if program is None:
        program = written(f, args, argnums, OF_ARRAYS)
        program = written(f, args, argnums, OF_REUSE, program) if reuse else program
    only_value = isinstance(argnums, Sequence) and not argnums
    expected = f(*args) if only_value else value_and_grad(f, argnums)(*args)
    if any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in flatten(expected)):
        raise ValueError("write_out: the function depends on a Tensor that is not among its arguments; make it one")
    with np.errstate(all="ignore"):
        found = program(*args)
    if not agree(found, expected, program.eps, is_exact=roll):
        raise ValueError("write_out: the program finds something else than the function; it may draw random numbers")
    return program


def agree(found: Any, expected: Any, eps: float, is_exact: bool) -> bool:
    """Whether two results are the same but for what rounding may do to them.

    What should be 0 may be a sum of large terms that cancel, unless the terms are known to stay as they are.
    """
    pairs, leaves = matched(found, expected), [np.asarray(plain(leaf)) for leaf in flatten(expected)]
    sizes = [float(np.max(abs(x), initial=0, where=np.isfinite(x))) if x.dtype.kind == "f" else 0.0 for x in leaves]
    noise = 0.0 if is_exact else 256 * eps * max(sizes, default=0.0)
    for one, other, size in zip(map(np.asarray, pairs or ()), leaves, sizes, strict=False):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if other.dtype.kind != "f":
            if not np.array_equal(one, other):
                return False
        elif not np.allclose(one, other, rtol=eps**0.5, atol=eps**0.5 * size + noise, equal_nan=True):
            return False
    return pairs is not None


class Reading(NamedTuple):
    """A run of a function: its statements, and those among them that its arguments and its results are."""

    statements: list[Statement]
    arguments: list[Any]
    outputs: Any


def read(f: Function, args: tuple[Any, ...], argnums: int | Sequence[int], dialect: Dialect) -> Reading:
    """Run f with lines for its arguments, and the walk from its result; Unwritten where the dialect has no words."""
    book = Book(dialect.inline, dialect.takes)
    numbers = positions("write_out", argnums, len(args))

    def line(leaf: Any, differentiated: bool) -> Line:
        value = floating(leaf, "write_out") if differentiated else numeric(leaf, "write_out")
        if not value.dtype.isnative:
            raise TypeError(f"write_out: {value.dtype} has the byte order of another machine; convert it with astype")
        if dialect is OF_FLOATS and type(value) is not float64:
            raise Unwritten
        return book.argument(value, requires_grad=value.dtype.kind == "f")

    trees = [unflatten(tree, iter([line(x, n in numbers) for x in flatten(tree)])) for n, tree in enumerate(args)]
    with Watch(f), recorded(True), np.errstate(all="ignore"):
        outputs = f(*trees)
        if isinstance(outputs, Line) and not outputs.statement.letter:
            outputs.statement.names.append("y")
        if not isinstance(argnums, Sequence) or argnums:
            if isinstance(outputs, Line) and outputs.dtype.kind != "f":
                outputs = outputs.astype(float64)
            outputs = outputs, gradients(outputs, [trees[n] for n in numbers], not isinstance(argnums, Sequence))
    refuse_keys([trees, outputs])
    outputs = unflatten(outputs, (x.statement.literal if isinstance(x, Line) else plain(x) for x in flatten(outputs)))
    arguments = (unflatten(tree, iter([x.statement for x in flatten(tree)])) for tree in trees)
    return Reading(book.statements, list(arguments), outputs)


def refuse_keys(tree: Any) -> None:
    """TypeError where a dict has a key that does not stand in a program as it does in a printout."""
    if isinstance(tree, dict):
        for key in tree:
            with suppress(SyntaxError, ValueError):
                if literal_eval(repr(key)) == key:
                    continue
            raise TypeError(f"write_out: the key {key!r} of a dict has no text of its own; use a str or an int")
    if isinstance(tree, list | tuple | dict):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            refuse_keys(branch)


def written(
    f: Function,
    args: tuple[Any, ...],
    argnums: int | Sequence[int],
    dialect: Dialect,
    readable: Program | None = None,
    rolled: tuple[Any, ...] | None = None,
) -> Program:
    """The program in the words of one dialect; Unwritten where it has none.

    With reuse, if there is a `readable` one to go back to; as loops, if there are arguments to be `rolled` for.
    """
    statements, arguments, outputs = read(f, args, argnums, dialect)
    name = getattr(f, "__name__", "")
    name = name if NAME.fullmatch(name) and name not in RESERVED | vars(builtins).keys() else "program"
    parameters = names_of_parameters(f, len(args))
    kind, known = (ReusingWriter, readable.used) if readable else (Writer, {})
    writer = kind(statements, outputs, dialect.forms, known, {name, *filter(None, parameters)})
    parameters = writer.named_parameters(parameters, arguments)
    writer.write()
    if len(writer.lines) > MOST:
        what = f"{len(writer.lines):,} lines are too many for a program, which has at most {MOST:,}"
        raise ValueError(f"write_out: {what}; write out a part of the function")
    returned = writer.result(outputs, set())
    if rolled:
        lines, returned = in_loops(writer, dict(zip(parameters, arguments, strict=True)), outputs)
    else:
        lines = [*writer.unpacked(parameters, arguments), *writer.lines]
    takes, arrays = list(parameters), getattr(writer, "arrays", {})
    if arrays:
        takes.append("arrays")
        lines.insert(0, f"{', '.join(arrays)}{',' * (len(arrays) == 1)} = {takes[-1]}")
    lines.append(f"return {returned[1:-1] if type(outputs) is tuple and len(outputs) > 1 else returned}")
    text = f"def {name}({', '.join(takes)}):\n" + "\n".join(f"    {line}" for line in lines)
    words = set(NAME.findall(text))
    floats = sorted(words & IN_NUMPY.keys()) if dialect is OF_FLOATS else None
    values = [statement.value for statement in leaves(arguments)]
    guard = Guard(name, parameters, rolled or args, values, floats, list(arrays.values()), bool(rolled))
    parts = [readable.text, f"plainly = {name}"] if readable and arrays else []
    parts += [text, str(guard)]
    used = guard.used | writer.used | {word: value for word, value in KNOWN.items() if word in words}
    where = getattr(unwrap(f), "__module__", None) or "NumPy"
    about = f"{name}, written out by tinygrad_sig from {getattr(f, '__qualname__', name)} in {where}."
    program = Program(name, about, text, parts, used)
    dtypes = {s.value.dtype for s in statements if isinstance(s.value, np.generic | np.ndarray)}
    program.eps = max((float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f"), default=0.0)
    return program


def in_loops(writer: Writer, given: dict[str, Any], outputs: Any) -> tuple[list[str], str]:
    """What is written as loops over the arguments that are lists, and the text of the result."""
    lists = {p: [writer.names.get(x, "") for x in tree] for p, tree in given.items() if isinstance(tree, list | tuple)}
    roller = Roller(writer.lines, lists, [p for p in given if p not in lists], writer.taken)
    names = unflatten(outputs, (writer.operand(x) for x in flatten(outputs)))
    roller.lines()
    roller.result(names)  # What the result needs is collected on the way.
    return roller.lines(), roller.result(names)


def rolled(f: Function, args: tuple[Any, ...], argnums: int | Sequence[int]) -> Program:
    """The program of a chain as loops: of six layers, if seven have the same, and the graph of all has so many more."""
    lengths = {len(tree) for tree in args if isinstance(tree, list | tuple)}
    if len(lengths) != 1 or (n := lengths.pop()) < SHORT + 2:
        raise ValueError(f"write_out: roll takes lists of one length, of at least {SHORT + 2}, one for each parameter")
    few, more = (
        tuple(tree[:k] if isinstance(tree, list | tuple) else tree for tree in args) for k in (SHORT, SHORT + 1)
    )
    try:
        program, other = (written(f, short, argnums, OF_FLOATS, rolled=args) for short in (few, more))
        counts = [census(f, given) for given in (few, more, args)]
        same = {op: counts[0][op] + (n - SHORT) * (counts[1][op] - counts[0][op]) for op in counts[1]} == counts[2]
        if program.text != other.text or not same:
            raise Unrolled
    except Unrolled:
        raise ValueError("write_out: the lines do not repeat from layer to layer; leave out roll") from None
    return program


def census(f: Function, args: tuple[Any, ...]) -> Counter[Any]:
    """How many nodes of each kind there are in the graph of f: of an operation, with what parameters, and from what.

    An input is a node so far back, a leaf that is used so often, or a constant of this value.
    """
    y = f(*(unflatten(tree, iter([Tensor(leaf) for leaf in flatten(tree)])) for tree in args))
    nodes = {node: None for leaf in flatten(y) if isinstance(leaf, Tensor) for node in topological_order(leaf)}
    place = {node: i for i, node in enumerate(nodes)}
    uses = Counter(x for node in nodes for x in node.inputs)

    def kind(x: Tensor, i: int) -> Any:
        return ("node", place[x] - i) if x in place else ("leaf", uses[x]) if x.requires_grad else repr(x.item())

    return Counter((node.op, repr(node.params), *(kind(x, i) for x in node.inputs)) for i, node in enumerate(nodes))


def gradients(y: Any, trees: list[Any], single: bool) -> Any:
    """The gradient of y by what is in the trees, in their structure; its lines know what they are the gradient of."""
    found: dict[Any, Any] = {}
    if isinstance(y, Tensor) and y.requires_grad:
        first = flatten(trees)[0]
        found = walk(y, first.literal(np.ones(y.shape, y.dtype)[()]))
        first.told(found)
    own = iter([found[x] if x in found else np.zeros(x.shape, x.dtype)[()] for x in flatten(trees)])
    parts = tuple(unflatten(tree, own) for tree in trees)
    return parts[0] if single else parts


class Watch:
    """Gives lines the names that a function gives to its values, while it runs."""

    def __init__(self, function: Any) -> None:
        self.code = getattr(unwrap(function), "__code__", None)

    def __enter__(self) -> None:
        self.other = sys.gettrace()
        sys.settrace(self.call)

    def __exit__(self, *error: object) -> None:
        sys.settrace(self.other)

    def call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self.line if frame.f_code is self.code else None

    def line(self, frame: FrameType, event: str, argument: Any) -> Any:
        for name, value in frame.f_locals.items():
            if type(value) is Line and name.strip("_") and name not in value.statement.names:
                value.statement.names.append(name)
        return self.line


def names_of_parameters(f: Function, count: int) -> list[str]:
    """The names of the first parameters of f; "" for what comes to it as one of any number."""
    try:
        parameters = list(signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    for i in range(len(names)):
        while names[i] in RESERVED or names.count(names[i]) > 1:
            names[i] += "_"
    return names + [""] * (count - len(names))
