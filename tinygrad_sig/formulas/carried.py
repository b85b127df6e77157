"""Carried: functions of ours as source text, with all that they use, so that a saved program needs NumPy alone."""

import ast
import math
import sys
import types
from collections import namedtuple
from collections.abc import Set
from functools import cache
from inspect import getsource, isfunction, ismodule, unwrap
from textwrap import dedent
from typing import Any

import numpy as np

# What the text of a constant may name.
NUMBERS: dict[str, Any] = {"np": np, "inf": math.inf, "nan": math.nan}


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


def text_of(name: str, value: Any) -> str:
    """A constant as text; ValueError where its repr is none."""
    text = (
        f"np.array({value.tolist()!r}, np.{value.dtype.name}).reshape({value.shape})"
        if isinstance(value, np.ndarray)
        else repr(value)
    )
    try:
        names = words(ast.parse(text))
    except SyntaxError:
        names = {""}
    if not names <= NUMBERS.keys():
        raise ValueError(f"save: {name} is a {type(value).__name__}, which has no text; let it be a number or an array")
    return text


def words(tree: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}


def carried(used: dict[str, Any], taken: Set[str]) -> tuple[list[str], list[str]]:
    """The imports, and the definitions that make a module, where some names are taken, know what is used by these."""
    imports, constants, functions = set(), dict[str, str](), dict[str, str]()
    pending, known = list(used.items()), dict[str, Any]()
    for name, value in pending:
        value = unwrap(value) if isfunction(value) else value
        if name in known and (known[name] is value or repr(known[name]) == repr(value) in NUMBERS):
            continue
        if name in taken or known.setdefault(name, value) is not value:
            raise ValueError(f"save: {name} means two things in what the program calls; give one of them another name")
        home = np if getattr(np, name, None) is value else math if getattr(math, name, None) is value else None
        module = getattr(value, "__module__", None) or ""
        found: dict[str, Any] = {}
        if ismodule(value):
            imports.add(f"import {value.__name__}" + f" as {name}" * (value.__name__ != name))
        elif isfunction(value) and module.partition(".")[0] not in {"numpy", *sys.stdlib_module_names}:
            node = definition(value)
            functions[name] = ast.unparse(ast.FunctionDef(**{**vars(node), "name": name}))
            found = {word: value.__globals__[word] for word in words(node) & value.__globals__.keys()}
        elif isinstance(value, type) and hasattr(value, "_fields"):
            found = {"namedtuple": namedtuple}
            constants[name] = f"{name} = namedtuple({value.__name__!r}, {value._fields!r})"
        elif home or callable(value):
            own = getattr(value, "__name__", name)
            where = home.__name__ if home else "types" if hasattr(types, name) else module
            own = name if where == "types" else own
            imports.add(f"from {where} import {name if home else own}" + f" as {name}" * (not home and own != name))
        else:
            text = text_of(name, value)
            found = {word: NUMBERS[word] for word in words(ast.parse(text))}
            constants[name] = f"{name} = {text}"
        pending += found.items()
    return sorted(imports), [made[name] for made in (constants, functions) for name in sorted(made)]
