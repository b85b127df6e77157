"""Reuse: the same program, with every array but the results in memory that is made once and handed on.

A new array costs little as long as it is small, and more than what is computed for it where its pages must be asked of
the system. So a line writes into an array that the program keeps: into one of its own operands, where this line is the
last to read it, or into one that nobody reads any more. Results are new arrays, because they belong to the caller.
"""

import operator
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ..calculus import activations as act
from ..calculus import functions as fn
from .lines import Statement, leaves
from .words import ATOM, OF_ARRAYS, OF_NUMPY
from .writer import VIEWS, Writer, base_of

FLOATING = (np.float64, np.float32)


def sigmoid_into(z: Any, y: Any, slope: Any) -> tuple[Any, Any]:
    """σ(z) into y and σ′(z) into `slope`, of which one may be z; FloatingPointError where eᶻ is too large, if asked."""
    np.exp(z, y)
    np.add(y, 1, slope)
    np.divide(y, slope, y)
    return y, np.divide(y, slope, slope)


@cache
def ones(n: int, dtype: Any) -> Any:
    return np.ones(n, dtype)


OWN: tuple[Any, ...] = (fn.relu, fn.step, fn.sech, act.leaky_relu, act.elu, act.softplus, act.log_sigmoid)
OF_REUSE = OF_ARRAYS._replace(inline=OF_ARRAYS.inline | {function: function.__wrapped__ for function in OWN})


class ReusingWriter(Writer):
    """A writer whose lines write into `arrays`, which the program is given: t1, t2, … of these shapes and dtypes."""

    def write(self) -> None:
        self.arrays: dict[str, tuple[tuple[int, ...], str]] = {}
        self.home: dict[Statement, str] = {}  # the name of the array that a value lies in
        self.free: list[str] = []
        results = {base_of(output) for output in self.outputs}
        self.kept = {t for s in self.statements for t in self.targets(s) if not results & {*self.targets(s)}}
        lines = [s for s in self.statements if s.function is not None and not self.is_part(s)]
        last = {value: k for k, line in enumerate(lines) for value in self.read(line)}
        number = {line: k for k, line in enumerate(lines)}
        for line in self.statements:
            if line in self.written or line.function is None:
                continue
            if line not in number:
                self.written[line] = self.expression(line)
                continue
            ending = [self.home[value] for value in dict.fromkeys(self.read(line)) if last[value] == number[line]]
            if line.function is not np.matmul:  # Which must not write into what it reads.
                self.free += ending
            self.write_line(line)
            if line.function is np.matmul:
                self.free += ending

    def is_part(self, s: Statement) -> bool:
        """Whether a statement has no line: it is a view that stands where it is needed, or one of two results."""
        return (s.function in VIEWS and self.uses[s] == 1) or s.function is operator.getitem

    def targets(self, s: Statement) -> list[Statement]:
        """The values that a line can write into arrays of ours."""
        if isinstance(s.value, tuple):
            parts = self.pairs[s]
            return parts if parts[0].value.ndim and parts[0].value.dtype.type in FLOATING else []
        writes = isinstance(s.function, np.ufunc) and s.function.nout == 1 and not s.params
        return [s] if writes and s.value.ndim and len(s.args) <= s.function.nin else []

    def read(self, s: Statement) -> Iterator[Statement]:
        """The values in arrays of ours that the line of a statement reads."""
        for operand in leaves((s.args, s.params)):
            if operand in self.kept:
                yield operand
            elif isinstance(operand.value, tuple) or operand.value.ndim or self.is_part(operand):
                yield from self.read(operand)

    def array(self, value: Statement) -> str:
        """The name of an array that nobody reads, for a value to lie in."""
        kind = value.value.shape, value.value.dtype.name
        found = next((name for name in reversed(self.free) if self.arrays[name] == kind), "")
        if found:
            self.free.remove(found)
        else:
            found = self.numbered("t")
            self.arrays[found] = kind
        self.home[value] = found
        return found

    def write_line(self, s: Statement) -> None:
        targets = self.targets(s)
        into = [self.array(target) for target in targets if target in self.kept]
        if isinstance(s.value, tuple) and not into:
            self.write_pair(s)
            return
        self.beside = {operand.value.dtype for operand in leaves(s.args)}
        operands = [self.operand(arg) for arg in s.args]
        if isinstance(s.value, tuple):
            text = f"{self.use('sigmoid_into', sigmoid_into)}({', '.join(operands + into)})"
        elif s.function is np.matmul and {np.ndim(getattr(a, "value", a)) for a in s.args} == {2}:
            text = f"np.dot({', '.join(operands + into)})"
        elif self.is_sum_of_rows(s):
            text = f"np.dot({self.use('ones', ones(len(s.args[0].value), s.value.dtype))}, {operands[0]})"
        elif into:
            square = s.function is np.power and operands[1] in ("2.0", "2")
            name = "np.square" if square else OF_NUMPY[id(s.function)]
            by_name = s.function in (np.maximum, np.minimum)  # NumPy takes no third argument of theirs without one.
            text = f"{name}({', '.join([*operands[: 1 if square else None], 'out=' * by_name + into[0]])})"
        else:
            text = self.expression(s)[0]
        names = [self.named(target) for target in targets or [s]]
        self.lines.append(f"{', '.join(names)} = {text}")
        self.written |= {target: (name, ATOM) for target, name in zip(targets or [s], names, strict=True)}

    def is_sum_of_rows(self, s: Statement) -> bool:
        """Whether a value is the sum over the first of two axes, which is a product with ones, and quicker as that."""
        return (
            s.function is np.sum
            and s.params.get("axis") in (0, (0,))
            and not s.params.get("keepdims")
            and s.args[0].value.ndim == 2
            and s.value.dtype.type in FLOATING
            and s.args[0].value.dtype == s.value.dtype
        )
