"""Every spelling of every row and composition: an operator from either side, NumPy's function, a method, our function.

The list is made from the tables, so that a row is measured the day it is added. `python tests/benchmarks/spellings.py`
takes two minutes and ends in the worst, against PyTorch, where it is installed and has the same function, and against
NumPy's own call on plain arrays; names of functions after it restrict it to these. Nothing is timed whose values or
gradients are not the others'. As in `ratios`, the rounds of what is compared are interleaved, and the least is taken.
"""

import operator
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import blas  # before NumPy, which the calls import
import calls
import numpy as np
from calls import Build, Call, Operands
from jobs import OURS
from ratios import calibrated, seconds

import tinygrad_sig
from tinygrad_sig import Tensor
from tinygrad_sig.calculus import activations
from tinygrad_sig.calculus.compositions import COMPOSED
from tinygrad_sig.calculus.rules import LINEAR, LOCAL

try:
    import torch
except ImportError:
    torch = None
else:
    torch.set_num_threads(1)

NUMPY, PYTORCH, FORWARD, BOTH = "NumPy", "PyTorch", "forward", "forward + backward"
ELEMENTWISE, VIEW, COMPOSITION = "elementwise and reductions", "views and indexing", "compositions"
LIMITS = {ELEMENTWISE: 1.0, VIEW: 2.0, COMPOSITION: 2.0}  # times PyTorch, at most
ABOVE = 1.5  # µs above NumPy's own call, at most: elementwise rows without parameters, at 0-d
SMALL, LARGE = "0-d", "64×30"
WORST, ROUNDS, AGAIN = 10, 25, 100  # Of many, the largest is the most disturbed: the worst are measured again.
ROUND = 0.001  # seconds
MISFIT = (TypeError, ValueError, IndexError, AttributeError)

Run = Callable[[], Any]
Times = dict[tuple[str, str], float]  # seconds, by engine and by FORWARD or BOTH


@dataclass(frozen=True, eq=False)
class Spelling:
    """One way to write one call, and what each engine makes of the call's arguments."""

    text: str
    size: str
    kind: str
    row: Any
    build: Build
    engines: dict[str, Callable[[Call], Run]]


class Name(str):
    """An operand in the text of a call."""

    __slots__ = ()
    __repr__ = str.__str__


def functions() -> list[Any]:
    """Everything that has a row or is composed, and the activations."""
    public = [f for key, f in vars(activations).items() if key in tinygrad_sig.__all__]
    return list(dict.fromkeys((*LOCAL, *LINEAR, *COMPOSED, *public)))


def name(function: Any) -> str:
    """A function's name in NumPy, that of np.linalg.norm being linalg.norm, or its own where it is ours."""
    own = function.__name__
    for known in own, f"linalg.{own}":
        if lookup(np, known) is function:
            return known
    return f"ours.{own}" if lookup(np, own) else own


def lookup(module: Any, name: str) -> Any:
    """What a module has under a name with dots, or None."""
    try:
        return operator.attrgetter(name)(module)
    except AttributeError:
        return None


def kind(function: Any) -> str:
    if name(function) in calls.VIEWS:
        return VIEW
    return ELEMENTWISE if function in LOCAL or name(function) in calls.REDUCTIONS else COMPOSITION


def operands(engine: str, size: str) -> Operands:
    """What the calls of an engine are made of."""
    if engine == OURS:
        return Operands(lambda key, value: Tensor(value), lambda key, value: value, size)
    if engine == NUMPY:
        return Operands(lambda key, value: np.asarray(value)[()], lambda key, value: value, size)
    return Operands(
        lambda key, value: torch.tensor(value, requires_grad=True),
        lambda key, value: float(value) if isinstance(value, np.float64) else torch.tensor(value),
        size,
    )


def builds(function: Any) -> tuple[Build, ...]:
    """How a function is called: as `calls` says, or with as many arrays as it takes, or as the tests call it."""
    if name(function) in calls.CALLS:
        return calls.CALLS[name(function)]
    if function in LOCAL and len(LOCAL[function]) == 2:
        return calls.BESIDE
    for build in (lambda m: calls.call(m.a)), (lambda m: calls.call(m.a, m.b)):
        if computes(function, build):
            return (build,)
    return (as_tested(function),)


def computes(function: Any, build: Build, size: str = LARGE) -> bool:
    """Whether NumPy computes finite floating numbers from these arguments."""
    try:
        args, kwargs = build(operands(NUMPY, size))
        with np.errstate(all="ignore"):
            found = parts(function(*args, **kwargs))
    except MISFIT:
        return False
    floating = [getattr(y, "dtype", np.dtype(int)).kind == "f" and np.all(np.isfinite(y)) for y in found]
    return bool(floating) and all(floating)


def as_tested(function: Any) -> Build:
    """The first call of a function in the tests, every floating array in it a leaf."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import test_compositions
    import test_rules

    given = test_rules.SAMPLES.get(function) or test_compositions.CALLS.get(function)
    if not given:
        raise LookupError(f"{name(function)}: arrays alone are no call of it; give one in CALLS of calls.py")

    def build(m: Operands) -> Call:
        def operand(value: Any) -> Any:
            if isinstance(value, list | tuple):
                return type(value)(map(operand, value))
            return m.made("sample", value) if getattr(getattr(value, "dtype", None), "kind", "") == "f" else value

        if m.size == SMALL:
            raise AttributeError("a sample of the tests has a size of its own")
        args, kwargs = given[0]
        return Call(tuple(map(operand, args)), kwargs)

    return build


def spellings(function: Any) -> Iterator[Spelling]:
    """All ways to write the calls of a function, at both sizes."""
    own, of_numpy = name(function), lookup(np, name(function)) is function
    twin = TWINS[own] if own in TWINS else lookup(torch, own)
    for build in builds(function):
        for size in [LARGE, SMALL] if computes(function, build, SMALL) else [LARGE]:
            args, kwargs = build(Operands(lambda key, value: Name(key), lambda key, value: Name(key), size))
            words = [*map(shown, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
            ways: list[tuple[str, Callable[[Call], Run], Any]] = []
            if own in calls.OPERATORS and not kwargs:
                symbol, text = calls.OPERATORS[own]
                ways.append((text.format(*words), called(symbol), symbol if own not in TWINS or twin else None))
            if own != "getitem":
                ways.append((f"{'np.' * of_numpy}{own}({', '.join(words)})", called(function), twin))
            if args and isinstance(args[0], Name) and args[0] in calls.LEAVES[size]:
                if hasattr(Tensor, own) and own not in calls.IN_PLACE:
                    ways.append((f"{args[0]}.{own}({', '.join(words[1:])})", method(own), twin))
                if len(args) == 1 and hasattr(Tensor, attribute := calls.ATTRIBUTES.get(own, "")):
                    ways.append((f"{args[0]}.{attribute}", called(operator.attrgetter(attribute)), twin))
            for text, ours, theirs in ways:
                engines = {OURS: ours, NUMPY: called(function)} | (
                    {PYTORCH: in_pytorch(theirs)} if torch and theirs else {}
                )
                yield Spelling(text, size, kind(function), function, build, engines)


def shown(value: Any) -> str:
    """An argument as one writes it, slices in brackets too."""
    if isinstance(value, slice):
        ends = (value.start, value.stop) if value.step is None else (value.start, value.stop, value.step)
        return ":".join("" if n is None else str(n) for n in ends)
    if isinstance(value, tuple) and any(isinstance(v, slice) or v is ... for v in value):
        return ", ".join(map(shown, value))
    return "..." if value is ... else getattr(value, "__name__", repr(value))


def called(function: Callable[..., Any]) -> Callable[[Call], Run]:
    return lambda call: partial(function, *call.args, **call.kwargs)


def method(name: str) -> Callable[[Call], Run]:
    return lambda call: partial(operator.methodcaller(name, *call.args[1:], **call.kwargs), call.args[0])


def in_pytorch(function: Callable[..., Any]) -> Callable[[Call], Run]:
    """A function of PyTorch's; where it takes no numbers, with tensors made of them beforehand."""

    def bound(call: Call) -> Run:
        try:
            function(*call.args, **call.kwargs)
        except TypeError:
            numbers = (isinstance(value, int | float) for value in call.args)
            args = tuple(torch.tensor(float(v)) if n else v for n, v in zip(numbers, call.args, strict=True))
            call = Call(args, call.kwargs)
        return partial(function, *call.args, **call.kwargs)

    return bound


TWINS = calls.twins(torch) if torch else {}


class Program(NamedTuple):
    """An engine's run of a spelling, and the leaves that a backward pass from its result reaches."""

    run: Run
    leaves: list[Any]

    def differentiable(self) -> bool:
        return any(getattr(part, "requires_grad", False) for part in parts(self.run()))

    def both(self) -> list[Any]:
        total(self.run()).backward()
        gradients = [leaf.grad for leaf in self.leaves]
        for leaf in self.leaves:
            leaf.grad = None
        return gradients


def parts(y: Any) -> tuple[Any, ...]:
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def total(y: Any) -> Any:
    """The scalar that a backward pass starts from."""
    y, *rest = (part.sum() if part.ndim else part for part in parts(y) if getattr(part, "requires_grad", False))
    for other in rest:
        y = y + other
    return y


def programs(spelling: Spelling) -> dict[str, Program]:
    """What is timed of a spelling, once all agree; PyTorch's where it knows such a call."""
    made = {}
    for engine, bound in spelling.engines.items():
        m = operands(engine, spelling.size)
        try:
            made[engine] = Program(bound(spelling.build(m)), m.leaves)
            if made[engine].differentiable():
                made[engine].both()  # PyTorch has functions whose derivative it lacks.
        except (TypeError, RuntimeError, ValueError, IndexError) as error:
            if engine != PYTORCH:
                raise AssertionError(f"{spelling.text}, {spelling.size}: {engine}: {error}") from error
            made.pop(engine, None)
    agree(spelling, made)
    return made


def differentiable(made: dict[str, Program]) -> list[str]:
    """The engines whose backward pass is timed: none, where ours has nothing to differentiate, as of np.around."""
    return [engine for engine in made if made[engine].differentiable() and made[OURS].differentiable()]


def agree(spelling: Spelling, made: dict[str, Program]) -> None:
    """Demand NumPy's values of all, and PyTorch's gradients of ours."""
    values = {engine: [plain(y) for y in parts(program.run())] for engine, program in made.items()}
    gradients = {engine: list(map(plain, made[engine].both())) for engine in differentiable(made)}
    for engine, found, expected in (
        *((engine, values[engine], values[NUMPY]) for engine in made),
        *((engine, gradients[engine], gradients[OURS]) for engine in gradients),
    ):
        try:
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
        except (AssertionError, ValueError) as error:
            raise AssertionError(f"{spelling.text}, {spelling.size}: {engine} differs; see TWINS: {error}") from error


def plain(value: Any) -> Any:
    if torch and isinstance(value, torch.Tensor):
        return value.detach().numpy()
    return value.data if isinstance(value, Tensor) else value


def measure(spelling: Spelling, rounds: int = ROUNDS) -> Times:
    """The least seconds of each engine, of both directions, in interleaved rounds."""
    made = programs(spelling)
    runs = {(engine, FORWARD): program.run for engine, program in made.items()}
    runs |= {(engine, BOTH): made[engine].both for engine in differentiable(made)}
    times = {key: calibrated(run, ROUND) for key, run in runs.items()}
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for key, run in runs.items():
            found[key] = min(found[key], seconds(run, times[key]))
    return found


def ratio(direction: str) -> Callable[[Times], float]:
    return lambda times: times[OURS, direction] / times[PYTORCH, direction]


def above(times: Times) -> float:
    """µs above NumPy's own call."""
    return (times[OURS, FORWARD] - times[NUMPY, FORWARD]) * 1e6


class Findings:
    """What was measured of all spellings, what stands out among it, and what could not be measured."""

    def __init__(self, chosen: list[Spelling]) -> None:
        self.times: dict[Spelling, Times] = {}
        self.failures: list[str] = []
        self.certain: set[Spelling] = set()
        for spelling in chosen:
            try:
                self.times[spelling] = measure(spelling)
            except AssertionError as error:
                self.failures.append(str(error))

    def worst(self, among: list[Spelling], size: Callable[[Times], float]) -> list[Spelling]:
        """The worst spelling of each of ten functions; those that could be among them are first measured again."""

        def ordered(spellings: Iterable[Spelling]) -> list[Spelling]:
            return sorted(spellings, key=lambda spelling: -size(self.times[spelling]))

        near = list({spelling.row: spelling for spelling in reversed(ordered(among))}.values())[-WORST * 3 // 2 :]
        for spelling in set(near) - self.certain:
            again = measure(spelling, AGAIN)
            self.times[spelling] = {key: min(time, again[key]) for key, time in self.times[spelling].items()}
        self.certain |= set(near)
        return ordered(near)[:WORST]

    def table(self, title: str, limit: float, among: list[Spelling], size: Callable[[Times], float], way: str) -> str:
        ten = self.worst(among, size)
        lines = [f"{title}: {sum(size(self.times[s]) > limit for s in among)} of {len(among)} are above {limit}"]
        if way == FORWARD and size is not above:
            alone = [s for s in among if self.times[s][NUMPY, way] > limit * self.times[s][PYTORCH, way]]
            lines[0] += f", {len(alone)} by NumPy's own call alone"
        for spelling in ten:
            times = self.times[spelling]
            columns = [times[OURS, way], times.get((PYTORCH, way)), times[NUMPY, FORWARD]]
            figures = "".join(f"{'–' if time is None else f'{time * 1e6:.2f}':>10}" for time in columns)
            lines.append(f"{size(times):8.2f}{figures}  {spelling.size:6}  {spelling.text}")
        return "\n".join(lines)

    def report(self) -> str:
        """The worst ten of each kind and direction, and those farthest above NumPy's own call."""
        tables = [f"{'':8}{'ours':>10}{PYTORCH:>10}{NUMPY:>10}  µs; {NUMPY}'s own call is forward only"]
        for kind, limit in LIMITS.items():
            for way in (FORWARD, BOTH):
                among = [s for s, times in self.times.items() if s.kind == kind and (PYTORCH, way) in times]
                tables += [self.table(f"{kind}, {way}, times PyTorch", limit, among, ratio(way), way)] * bool(among)
        rows = [s for s in self.times if s.row in LOCAL and s.size == SMALL]
        tables += [self.table("elementwise at 0-d, µs above NumPy's own call", ABOVE, rows, above, FORWARD)] * bool(
            rows
        )
        return "\n\n".join(tables)


def main(names: list[str]) -> None:
    start = perf_counter()
    chosen = [function for function in functions() if not names or name(function) in names]
    found = Findings([spelling for function in chosen for spelling in spellings(function)])
    print(blas.THREADS if torch else f"{blas.THREADS} PyTorch is left out; pip install torch")
    print(f"{len(chosen)} functions in {len(found.times)} spellings")
    print(f"\n{found.report()}\n\n{perf_counter() - start:.0f} s")
    sys.exit("\n".join(found.failures))


if __name__ == "__main__":
    main(sys.argv[1:])
