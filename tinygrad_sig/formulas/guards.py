"""Guards: what stands before a program, and is what its user calls.

A guard looks at the arguments, which costs a comparison each where they are as the example was; it calls the program,
and where that meets no number, because `math` raises or e⁻ᶻ is too large, it calls the same lines in NumPy. It is text
like the program, because a saved program has it too.
"""

from collections.abc import Iterator, Sequence
from reprlib import repr as repr_of
from typing import Any

import numpy as np

from ..transforms.functional import flatten, matched, unflatten
from .words import IN_NUMPY, OF_NUMPY

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
        SPARE.append(arrays)"""


class Guard:
    """The guard of the program `name` for arguments like these, whose leaves have these values.

    `floats` are the words of a program on floats that mean something else in NumPy, None where it is on arrays;
    `arrays` are the shapes and dtypes of those that a program with reuse has for each call that is running.
    """

    def __init__(
        self,
        name: str,
        parameters: Sequence[str],
        args: Sequence[Any],
        values: Sequence[Any],
        floats: Sequence[str] | None,
        arrays: Sequence[tuple[tuple[int, ...], str]],
        rolled: bool,
    ) -> None:
        self.name, self.floats, self.arrays, self.rolled = name, floats, arrays, rolled
        self.given, self.targets = ", ".join(parameters), ", ".join(parameters) + "," * (len(parameters) == 1)
        self.conditions: list[str] = []
        self.kinds: dict[str, tuple[str, tuple[int, ...]]] = {}  # By the label of a leaf its dtype and its shape.
        own = iter(values)
        patterns = [self.pattern(tree, path, own) for tree, path in zip(args, parameters, strict=True)]
        self.patterns = ", ".join(patterns) + "," * (len(args) == 1)
        self.used = {"np": np, "as_given": as_given} | ({"flatten": flatten} if rolled else {})
        self.used |= {} if floats is None else {"as_numpy": as_numpy}

    def pattern(self, tree: Any, path: str, values: Iterator[Any]) -> str:
        """The text of an argument's structure with a label for each leaf; its conditions are noted."""
        if not self.rolled or not isinstance(tree, list | tuple):
            return repr(self.labelled(tree, path, values))
        kind = "list" if isinstance(tree, list) else "tuple"
        of_floats = f"[*map(type, {path})].count(float)"
        self.conditions.append(f"type({path}) is {kind} and len({path}) == {len(tree)} == {of_floats}")
        return f"[f'{path}[{{i}}]' for i in range({len(tree)})]"

    def labelled(self, tree: Any, path: str, values: Iterator[Any]) -> Any:
        """The same structure with a label for each leaf."""
        if isinstance(tree, dict):
            keys = f"{{{', '.join(map(repr, tree))}}}" if tree else "set()"
            self.conditions.append(f"type({path}) is dict and {path}.keys() == {keys}")
            return {key: self.labelled(branch, f"{path}[{key!r}]", values) for key, branch in tree.items()}
        if isinstance(tree, list | tuple):
            kind = list if isinstance(tree, list) else tuple
            self.conditions.append(f"type({path}) is {kind.__name__} and len({path}) == {len(tree)}")
            return kind(self.labelled(branch, f"{path}[{i}]", values) for i, branch in enumerate(tree))
        value = next(values)
        dtype = value.dtype.name
        self.kinds[path] = dtype if self.floats is None else "float", value.shape
        if value.shape:
            is_array = f"type({path}) is np.ndarray and {path}.shape == {value.shape}"
            self.conditions.append(f"{is_array} and {path}.dtype is {dtype.upper()}")
        elif self.floats is None:
            self.conditions.append(f"type({path}) is np.{dtype}")
        return path

    def __str__(self) -> str:
        return "\n".join([*self.constants(), "", "", f"def {self.name}({self.given}):", *self.looks(), *self.calls()])

    def constants(self) -> Iterator[str]:
        """What is made once: the structure of the arguments, their kinds, and the program under its inner name."""
        yield f"PATTERN = ({self.patterns})"
        yield "KINDS = " + ("dict.fromkeys(flatten(PATTERN), ('float', ()))" if self.rolled else repr(self.kinds))
        for dtype in sorted({dtype for dtype, shape in self.kinds.values() if shape}):
            yield f"{dtype.upper()} = np.dtype({dtype!r})"
        yield f"written = {self.name}"
        if self.arrays:
            yield f"ARRAYS, SPARE = {list(self.arrays)!r}, []"
        if self.floats is not None:
            words = ", ".join(f"{word!r}: {OF_NUMPY[id(IN_NUMPY[word])]}" for word in self.floats)
            yield f"in_numpy = as_numpy({self.name}, {{{words}}})"

    def looks(self) -> Iterator[str]:
        """The lines that look at the arguments."""
        if self.floats is not None and self.kinds:
            self.conditions.append(f"type({') is type('.join(self.kinds)}) is float")
        if self.conditions:
            yield "    if not (" + "\n        and ".join(self.conditions) + "):"
            yield f"        {self.targets} = as_given({self.name!r}, PATTERN, KINDS, {self.given})"

    def calls(self) -> Iterator[str]:
        """The lines that call the program."""
        if self.arrays:
            yield WITH_ARRAYS.format(given=self.given)
        elif self.floats is None:
            yield f"    return written({self.given})"
        else:
            yield from ("    try:", f"        return written({self.given})")
            yield "    except (ArithmeticError, ValueError):"
            kinds = "dict.fromkeys(KINDS, ('float64', ()))"
            yield f"        return in_numpy(*as_given({self.name!r}, PATTERN, {kinds}, {self.given}))"


def as_numpy(function: Any, words: dict[str, Any]) -> Any:
    """The same lines with numbers of NumPy, and its functions for these words: 1.0 / 0.0 is inf."""
    constants = tuple(np.float64(value) if type(value) is float else value for value in function.__code__.co_consts)
    code = function.__code__.replace(co_consts=constants)
    return type(function)(code, {**function.__globals__, **words})


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
