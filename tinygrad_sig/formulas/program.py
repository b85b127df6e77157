"""write_out: a function and its backward pass as the Python program that one would have written by hand.

The function is run once with lines in place of its arguments, and the walk goes back through them. What then stands in
their book is written down, each step once: with operators and `math` where all is floats, with NumPy where there are
arrays. What no result needs is left out.
"""

from __future__ import annotations

import linecache
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import signature, unwrap
from os import PathLike
from pathlib import Path
from reprlib import repr as repr_of
from types import FrameType
from typing import Any

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
from .lines import Book, Line, Unwritten
from .reuse import OF_REUSE, ReusingWriter
from .roll import SHORT, Roller, Unrolled
from .words import IN_NUMPY, KNOWN, NAME, OF_ARRAYS, OF_FLOATS, OF_NUMPY, RESERVED, Dialect
from .writer import Writer

Argnums = int | Sequence[int] | None
MOST = 20_000  # lines


WITH_ARRAYS = """\
    try:
        arrays = SPARE.pop()
    except IndexError:
        arrays = [np.empty(shape, dtype) for shape, dtype in ARRAYS]
    try:
        with np.errstate(over="raise", invalid="raise"):
            return written({given}, arrays)
    except FloatingPointError:
        return plainly({given})
    finally:
        SPARE.append(arrays)
"""


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
        imports, definitions = carried(self.used)
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
    only_value = isinstance(argnums, Sequence) and not argnums
    expected = f(*args) if only_value else value_and_grad(f, argnums)(*args)
    if any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in flatten(expected)):
        raise ValueError("write_out: the function depends on a Tensor that is not among its arguments; make it one")
    program = None
    with suppress(Unwritten):
        program = rolled(f, args, argnums) if roll else written(f, args, argnums, OF_FLOATS)
    if roll and program is None:
        raise ValueError("write_out: only a program on numbers can be rolled; leave out roll, or give numbers")
    if program is None:
        program = written(f, args, argnums, OF_ARRAYS)
        program = written(f, args, argnums, OF_REUSE, program) if reuse else program
    with np.errstate(all="ignore"):
        found = program(*args)
    if not agree(found, expected, program.eps**0.5):
        raise ValueError("write_out: the program finds something else than the function; it may draw random numbers")
    return program


def agree(found: Any, expected: Any, near: float) -> bool:
    """Whether two results are the same but for what rounding may do to them."""
    pairs = matched(found, expected)
    for one, other in zip(pairs or (), flatten(expected), strict=False):
        one, other = np.asarray(one), np.asarray(plain(other))
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if other.dtype.kind == "f" and other.size:
            size = float(np.max(abs(other), initial=0, where=np.isfinite(other)))
            if not np.allclose(one, other, rtol=near, atol=near * size, equal_nan=True):
                return False
        elif not np.array_equal(one, other):
            return False
    return pairs is not None


def written(
    f: Function,
    args: tuple[Any, ...],
    argnums: int | Sequence[int],
    dialect: Dialect,
    readable: Program | None = None,
    rolled: tuple[Any, ...] | None = None,
) -> Program:
    """The program in the words of one dialect; Unwritten where it has none. With reuse, if there is a readable one."""
    book = Book(dialect.inline, dialect.takes)
    numbers = positions("write_out", argnums, len(args))

    def line(leaf: Any, differentiated: bool) -> Line:
        value = floating(leaf, "write_out") if differentiated else numeric(leaf, "write_out")
        if dialect is OF_FLOATS and type(value) is not float64:
            raise Unwritten
        return book.argument(value, requires_grad=value.dtype.kind == "f")

    trees = [unflatten(tree, iter([line(x, n in numbers) for x in flatten(tree)])) for n, tree in enumerate(args)]
    arguments = list(book.statements)
    with Watch(f), recorded(True), np.errstate(all="ignore"):
        outputs = f(*trees)
        if isinstance(outputs, Line) and not outputs.statement.letter:
            outputs.statement.names.append("y")
        if not isinstance(argnums, Sequence) or argnums:
            outputs = outputs, gradients(outputs, [trees[n] for n in numbers], not isinstance(argnums, Sequence))
    outputs = unflatten(outputs, (x.statement.literal if isinstance(x, Line) else plain(x) for x in flatten(outputs)))
    name = getattr(f, "__name__", "")
    name = name if NAME.fullmatch(name) and name not in RESERVED else "program"
    parameters = names_of_parameters(f, len(args))
    kind, known = (ReusingWriter, readable.used) if readable else (Writer, {})
    writer = kind(book.statements, outputs, dialect.forms, known, {name, *filter(None, parameters)})
    statements = [unflatten(tree, iter([x.statement for x in flatten(tree)])) for tree in trees]
    parameters = writer.named_parameters(parameters, statements)
    writer.write()
    if len(writer.lines) > MOST:
        what = f"{len(writer.lines):,} lines are too many for a program, which has at most {MOST:,}"
        raise ValueError(f"write_out: {what}; write out a part of the function")
    returned = writer.result(outputs, set())
    lines = [*writer.unpacked(parameters, statements), *writer.lines]
    if rolled:
        given = dict(zip(parameters, statements, strict=True))
        lists = {
            p: [writer.names.get(x, "") for x in tree] for p, tree in given.items() if isinstance(tree, list | tuple)
        }
        roller = Roller(writer.lines, lists, [p for p in given if p not in lists], writer.taken)
        names = unflatten(outputs, (writer.operand(x) for x in flatten(outputs)))
        for _ in range(2):  # What the result needs is collected on the way.
            lines = roller.lines()
            returned = roller.result(names)
        args = rolled
    if type(outputs) is tuple and len(outputs) > 1:
        returned = returned[1:-1]
    body = [*lines, f"return {returned}"]
    takes, parts, arrays = list(parameters), [], {}
    used = {"np": np, "as_given": as_given} | writer.used | ({"flatten": flatten} if rolled else {})
    if isinstance(writer, ReusingWriter) and readable and writer.arrays:
        arrays = writer.arrays
        takes.append(writer.take("arrays") if "arrays" not in writer.taken else writer.numbered("arrays"))
        body.insert(0, f"{', '.join(arrays)}{',' * (len(arrays) == 1)} = {takes[-1]}")
        parts = [readable.text, f"plainly = {name}"]
    text = f"def {name}({', '.join(takes)}):\n" + "\n".join(f"    {line}" for line in body)
    words = set(NAME.findall(text))
    floats = sorted(words & IN_NUMPY.keys()) if dialect is OF_FLOATS else None
    used |= {word: value for word, value in KNOWN.items() if word in words}
    parts += [text, guarded(name, parameters, args, [s.value for s in arguments], floats, arrays, bool(rolled))]
    where = getattr(unwrap(f), "__module__", None) or "NumPy"
    about = f"{name}, written out by tinygrad_sig from {getattr(f, '__qualname__', name)} in {where}."
    program = Program(name, about, text, parts, used)
    dtypes = {s.value.dtype for s in book.statements if isinstance(s.value, np.generic | np.ndarray)}
    program.eps = max((float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f"), default=0.0)
    return program


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
    """How many nodes of each operation there are in the graph of f."""
    y = f(*(unflatten(tree, iter([Tensor(leaf) for leaf in flatten(tree)])) for tree in args))
    nodes = {node for leaf in flatten(y) if isinstance(leaf, Tensor) for node in topological_order(leaf)}
    return Counter(node.op for node in nodes)


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
    return [name + "_" * (name in RESERVED) for name in names] + [""] * (count - len(names))


def guarded(
    name: str,
    parameters: list[str],
    args: tuple[Any, ...],
    values: list[Any],
    floats: list[str] | None,
    arrays: dict[str, tuple[tuple[int, ...], str]],
    rolled: bool,
) -> str:
    """The text of what stands before a program: it looks at the arguments, and goes to NumPy where math has no number.

    `floats` are the words of a program on floats that mean something else there; `arrays` are what one with reuse has
    for each call that is running, and e⁻ᶻ that is no number is for the readable program.
    """
    conditions: list[str] = []
    kinds: dict[str, tuple[str, tuple[int, ...]]] = {}
    own = iter(values)

    def labelled(tree: Any, path: str) -> Any:
        """The same structure with a label for each leaf."""
        if isinstance(tree, dict):
            conditions.append(f"type({path}) is dict and {path}.keys() == {set(tree) or 'set()'}")
            return {key: labelled(branch, f"{path}[{key!r}]") for key, branch in tree.items()}
        if isinstance(tree, list | tuple):
            kind = list if isinstance(tree, list) else tuple
            conditions.append(f"type({path}) is {kind.__name__} and len({path}) == {len(tree)}")
            return kind(labelled(branch, f"{path}[{i}]") for i, branch in enumerate(tree))
        value = next(own)
        dtype = value.dtype.name
        kinds[path] = dtype if floats is None else "float", value.shape
        if value.shape:
            is_array = f"type({path}) is np.ndarray and {path}.shape == {value.shape}"
            conditions.append(f"{is_array} and {path}.dtype is {dtype.upper()}")
        elif floats is None:
            conditions.append(f"type({path}) is np.{dtype}")
        return path

    def pattern_of(tree: Any, path: str) -> str:
        if not rolled or not isinstance(tree, list | tuple):
            return repr(labelled(tree, path))
        kind = "list" if isinstance(tree, list) else "tuple"
        conditions.append(
            f"type({path}) is {kind} and len({path}) == {len(tree)} and {{*map(type, {path})}} == {{float}}"
        )
        return f"[f'{path}[{{i}}]' for i in range({len(tree)})]"

    pattern = ", ".join(pattern_of(tree, path) for tree, path in zip(args, parameters, strict=True))
    if floats is not None and kinds:
        conditions.append(f"type({') is type('.join(kinds)}) is float")
    given = ", ".join(parameters)
    lines = [f"PATTERN = ({pattern}{',' * (len(args) == 1)})", f"KINDS = {kinds!r}"]
    if rolled:
        lines[1] = "KINDS = dict.fromkeys(flatten(PATTERN), ('float', ()))"
    lines += [f"{dtype.upper()} = np.dtype({dtype!r})" for dtype in sorted({d for d, shape in kinds.values() if shape})]
    lines += [f"written = {name}"]
    if floats is not None:
        words = ", ".join(f"{word!r}: {OF_NUMPY[id(IN_NUMPY[word])]}" for word in floats)
        lines += [f"in_numpy = type({name})({name}.__code__, {{**globals(), {words}}})"]
    lines += ["", "", f"def {name}({given}):"]
    if conditions:
        targets = given + "," * (len(parameters) == 1)
        lines += ["    if not (" + "\n        and ".join(conditions) + "):"]
        lines += [f"        {targets} = as_given({name!r}, PATTERN, KINDS, {given})"]
    if arrays:
        lines.insert(lines.index(f"written = {name}") + 1, f"ARRAYS, SPARE = {list(arrays.values())!r}, []")
        return "\n".join([*lines, *WITH_ARRAYS.format(given=given).splitlines()])
    if floats is None:
        return "\n".join([*lines, f"    return written({given})"])
    lines += ["    try:", f"        return written({given})", "    except (ArithmeticError, ValueError):"]
    in_numpy = f"as_given({name!r}, PATTERN, dict.fromkeys(KINDS, ('float64', ())), {given})"
    return "\n".join([*lines, f"        return in_numpy(*{in_numpy})"])


def as_given(name: str, pattern: Any, kinds: dict[str, Any], *args: Any) -> Any:
    """The arguments as a program takes them, or why it does not: their structure, a shape or a dtype is another."""
    found = matched(args, pattern)
    if found is None:
        raise ValueError(f"{name}: the arguments do not have the structure {repr_of(pattern)}; write it out for these")
    taken: list[Any] = []
    for label, value in zip(flatten(pattern), found, strict=True):
        dtype, shape = kinds[label]
        is_number = isinstance(value, bool | int | float | np.number | np.bool)
        if not is_number and type(value) is not np.ndarray:
            raise TypeError(f"{name}: {label} is a {type(value).__name__}; give a number or an array of NumPy")
        array = np.asarray(value)
        if array.shape != shape:
            raise ValueError(f"{name}: {label} has shape {array.shape}, not {shape}; write it out for that")
        if array.dtype != dtype and not (array.dtype.kind in "iub" and np.dtype(dtype) == np.float64):
            raise TypeError(f"{name}: {label} has dtype {array.dtype}, not {dtype}; convert it")
        taken.append(array.astype(dtype) if shape else float(array) if dtype == "float" else array.astype(dtype)[()])
    return unflatten(pattern, iter(taken))
