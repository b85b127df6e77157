"""LaTeX: the chain rule as it is written by hand, symbols on one line and numbers on the next."""

import math
from itertools import islice
from typing import Any

from ..formulas.symbols import LATEX, PRODUCT, Symbol, bracketed, derivative, latex_name, latex_number
from .text import excerpt, power_of_ten

PATHS = 4
LAYERS = 12


def sized(value: Any, log10: float, sign: float) -> str:
    """A number, or the true size of one that underflowed to 0."""
    if value != 0 or not math.isfinite(log10):
        return latex_number(value)
    if abs(log10) > 1e7:
        return rf"{'-' if sign < 0 else ''}10^{{{latex_number(log10)}}}"
    mantissa, exponent = power_of_ten(log10, sign).split("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}"


def factor(text: str) -> str:
    """A number in brackets, where it could be read as something else in a product."""
    return f"({text})" if text.startswith("-") or "times" in text or text.startswith("10^") else text


def groups(path: Any) -> list[tuple[str, str]]:
    """The factors of a path as (symbols, numbers), a weight in front of the slope it belongs to, without factors 1."""
    found: list[tuple[list[str], list[str]]] = []
    if path.upstream != 1:
        upstream = factor(latex_number(path.upstream))
        found.append(([upstream], [upstream]))
    for step in path:
        linear = step.local is None
        formula = float(step.factor) if linear else derivative(step.output, step.position, step.names.__getitem__)
        if not isinstance(formula, Symbol) and formula == 1:
            continue
        alone = not isinstance(formula, Symbol) or formula.function is None
        if not alone or not found:
            found.append(([], []))
        symbols, numbers = found[-1]
        at = 0 if alone else len(symbols)
        symbols.insert(at, bracketed(formula, LATEX, PRODUCT))
        numbers.insert(at, factor(sized(step.factor, step.log10, step.sign)))
    return [(r" \, ".join(symbols), r" \cdot ".join(numbers)) for symbols, numbers in found]


def chain_rule(trace: Any, tensor: Any) -> str:
    """∂y/∂x for one tensor, as an aligned environment of three lines: symbols, numbers, result."""
    if not trace.scalar:
        raise ValueError("to_latex: the chain rule is a product of numbers for scalars only; use to_text for arrays")
    target = trace.output if tensor is None else trace.find(tensor)
    paths = trace.paths(target)
    several = [groups(path) for path in islice(paths, PATHS)]

    def written(line: int) -> str:
        products = [excerpt(lambda group: group[line], path, LAYERS, r"\cdots") for path in several]
        terms = [r" \cdot ".join(factors) or "1" for factors in products]
        return " + ".join(terms + [r"\cdots"] * (paths.count > PATHS))

    y, x = (latex_name(trace.names[t]) for t in (trace.output, target))
    result = sized(trace.gradient(target).item(), *trace.magnitude(target))
    lines = rf"\frac{{\partial {y}}}{{\partial {x}}} &= {written(0)} \\", rf"&= {written(1)} \\", f"&= {result}"
    return "\n".join([r"\begin{aligned}", *lines, r"\end{aligned}"])
