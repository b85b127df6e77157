"""Carried: functions of ours as source text, with all that they use, so that a saved program needs NumPy alone."""

import ast
import math
import sys
import types
from functools import cache
from inspect import getsource, isfunction, ismodule, unwrap
from textwrap import dedent
from typing import Any

import numpy as np


class Bare(ast.NodeTransformer):
    """The same code without annotations, and without what makes a function an operation."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list = [d for d in node.decorator_list if isinstance(d, ast.Name) and d.id == "cache"]
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return node.value and ast.copy_location(ast.Assign([node.target], node.value), node)


@cache
def definition(function: Any) -> ast.FunctionDef:
    """A function's own code; ValueError where it has none that can be carried."""
    try:
        found = ast.parse(dedent(getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError):
        found = ast.Pass()
    if not isinstance(found, ast.FunctionDef) or function.__code__.co_freevars:
        raise ValueError(f"save: {function.__name__} has no source of its own to carry; define it with def in a module")
    return Bare().visit(found)  # type: ignore[no-any-return]


def carried(used: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The imports, and the definitions that make a module know what is used by these names."""
    imports, definitions = set(), {}
    pending, known = dict(used), dict[str, Any]()
    while pending:
        name, value = pending.popitem()
        value = unwrap(value) if isfunction(value) else value
        if known.setdefault(name, value) is not value:
            raise ValueError(f"save: {name} means two things in what the program calls; give one of them another name")
        home = np if getattr(np, name, None) is value else math if getattr(math, name, None) is value else None
        module = getattr(value, "__module__", None) or ""
        if ismodule(value):
            imports.add(f"import {value.__name__}" + f" as {name}" * (value.__name__ != name))
        elif isfunction(value) and module.partition(".")[0] not in {"numpy", *sys.stdlib_module_names}:
            node = definition(value)
            definitions[name] = ast.unparse(ast.FunctionDef(**{**vars(node), "name": name}))
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            pending |= {n: value.__globals__[n] for n in names & value.__globals__.keys() if n not in known}
        elif home or callable(value):
            own = getattr(value, "__name__", name)
            where = home.__name__ if home else "types" if hasattr(types, name) else module
            own = name if where == "types" else own
            imports.add(f"from {where} import {name if home else own}" + f" as {name}" * (not home and own != name))
        elif isinstance(value, np.ndarray):
            pending |= {"np": np, "inf": math.inf, "nan": math.nan}
            definitions[name] = f"{name} = np.array({value.tolist()!r}, np.{value.dtype.name}).reshape({value.shape})"
        else:
            definitions[name] = f"{name} = {value!r}"
    return sorted(imports), [definitions[name] for name in sorted(definitions)]
