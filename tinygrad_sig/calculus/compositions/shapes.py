"""Arrays joined, split, repeated and moved, written in functions that have a row.

The one idea: of a function that only moves, repeats or leaves out elements, NumPy itself tells where each comes from,
when it is given their numbers 1, 2, 3, … in place of them. So what it takes and what it refuses is NumPy's.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .. import functions as fn
from ..functions import Function, cast, getitem, join, part, rearranged, scatter, transposed


def holds_tensor(value: Any) -> bool:
    return hasattr(value, "__operation__") or (isinstance(value, list | tuple) and any(map(holds_tensor, value)))


def arranged(function: Function, x: Any, *of: Any) -> Any:
    """function(x, *of), of a Tensor or of numbers; a Tensor in `of` would lose its gradient."""
    if any(map(holds_tensor, of)):
        raise TypeError(f"{function.__name__}: only what it rearranges has a gradient; use t.data elsewhere")
    return rearranged(x, by=function, of=of)


def built(value: Any) -> Any:
    """What np.array means by nested lists, with Tensors in them too: [[t, 1.0], [u, 2.0]] is stacked, and again."""
    if hasattr(value, "__operation__"):
        return value
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return value if hasattr(value, "shape") else np.asarray(value)
    items = [built(item) for item in value]
    return np.stack(items) if any(hasattr(item, "__operation__") for item in items) else np.asarray(value)


def concatenate(arrays: Any, axis: int | None = 0) -> Any:
    if axis is None:  # Python's numbers, which have no axis to go along, take the others' dtype.
        dtype = np.result_type(*(a if isinstance(a, int | float) else built(a) for a in arrays))
        arrays = [np.asarray(a, dtype) if isinstance(a, int | float) else built(a) for a in arrays]
        return join(*(np.reshape(a, (-1,)) for a in arrays), axis=0)
    return join(*map(built, arrays), axis=axis)


def atleast(n: int, x: Any) -> Any:
    """x with at least n axes: (N,) becomes (1, N), and then (1, N, 1)."""
    x = built(x)
    if x.ndim >= n:
        return x
    shape = (1,) * (min(n, 2) - x.ndim) + x.shape
    return np.reshape(x, shape + (1,) * (n - len(shape)))


def each_atleast(n: int) -> Function:
    def function(*arys: Any) -> Any:
        return atleast(n, arys[0]) if len(arys) == 1 else tuple(atleast(n, x) for x in arys)

    return function


def joined(least: int, axis: int, tup: Any) -> Any:
    """Arrays along an axis that those with `least` axes have; where all have one axis fewer, it is a new one."""
    arrays = list(map(built, tup))
    if {a.ndim for a in arrays} == {least - 1}:
        return fn.stack(*arrays, axis=axis)
    return join(*[atleast(least, a) for a in arrays], axis=axis)


def block(arrays: Any) -> Any:
    leaves: list[Any] = []
    ends = [0]

    def numbered(block: Any) -> Any:
        if isinstance(block, list | tuple):
            return type(block)(map(numbered, block))
        leaves.append(built(block))
        ends.append(ends[-1] + leaves[-1].size)
        return np.arange(*ends[-2:]).reshape(leaves[-1].shape)

    places = np.block(numbered(arrays))
    return getitem(concatenate(leaves, None), places)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    arr, values = built(arr), built(values)
    if arr.dtype.kind != "f":
        raise TypeError(f"insert: {arr.dtype} data would round the values, and lose their gradient; use t.data")
    new = np.arange(arr.size, arr.size + values.size).reshape(values.shape)
    places = arranged(np.insert, np.arange(arr.size).reshape(arr.shape), obj, new, axis)
    return getitem(concatenate((arr, cast(values, arr.dtype)), None), places)


def pieces(function: Function, ary: Any, indices_or_sections: Any, axis: int) -> list[Any]:
    """The parts into which `function` splits an axis; each is a slice of it."""
    axis, count = normalize_axis_index(axis, ary.ndim), indices_or_sections
    length = ary.shape[axis]
    if type(count) is int and count > 0 == length % count:  # NumPy would take the greater part of the time.
        cuts = [slice(length * i // count, length * (i + 1) // count) for i in range(count)]
    else:
        places = arranged(function, np.arange(length), count)
        cuts = [slice(found[0], found[-1] + 1) if found.size else slice(0) for found in places]
    return [part(ary, axis, cut) for cut in cuts]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return pieces(np.split, ary, indices_or_sections, axis)


def astype(x: Any, dtype: Any, *, copy: bool = True) -> Any:
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"astype: {np.dtype(dtype)} data has no gradient; use t.data for a plain result")
    return cast(x, dtype=np.dtype(dtype))


def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = None, reflect_type: Any = None
) -> Any:
    if mode == "constant" and reflect_type is None:
        widths = np.asarray(pad_width)
        if widths.dtype.kind == "i" and not (widths < 0).any():  # NumPy would take the greater part of the time.
            ends = list(zip(array.shape, np.broadcast_to(widths, (array.ndim, 2)).tolist(), strict=True))
            inside = tuple(slice(before, before + n) for n, (before, _) in ends)
            y = scatter(array, key=inside, shape=tuple(before + n + after for n, (before, after) in ends))
        else:
            y = arranged(np.pad, array, pad_width)
        if constant_values is None:
            return y
        kept = np.pad(np.ones(array.shape, bool), pad_width)
        return np.where(kept, y, np.pad(np.zeros(array.shape, array.dtype), pad_width, constant_values=constant_values))
    copied = {"edge": (None,), "wrap": (None,), "reflect": (None, "even"), "symmetric": (None, "even")}
    if constant_values is None and isinstance(mode, str) and reflect_type in copied.get(mode, ()):
        return arranged(np.pad, array, pad_width, mode)
    way = f"mode={mode!r}" + f" and reflect_type={reflect_type!r}" * (reflect_type is not None)
    raise TypeError(f"pad: it has no derivative with {way}; use mode constant, edge, reflect, symmetric or wrap")


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    which = np.select([np.asarray(c) for c in condlist], list(range(len(choicelist))), -1)
    choices = [c if isinstance(c, int | float) else built(c) for c in choicelist]
    y = np.where(False, np.result_type(*choices, default).type(0), default)
    for i, choice in enumerate(choices):
        y = np.where(which == i, choice, y)
    return y


def diagonal(x: Any, *of: int) -> Any:
    """np.diagonal(x, *of); a call without parameters, which takes half of the time, where a matrix needs none."""
    plain = x.ndim == 2 and {*map(type, of)} == {int} and of in ((0, 0, 1), (0, -2, -1))
    return x.diagonal() if plain else x.diagonal(*of)


# fmt: off
# The formatter would give each of these five lines.
SHAPES: dict[Function, Function] = {
    np.ravel:        lambda a: a.reshape(-1),
    # The order of the axes is that of the lengths of an array whose axes are 0, 1, 2, … long.
    np.rollaxis:     lambda a, axis, start=0: np.transpose(a, np.rollaxis(np.empty(range(a.ndim)), axis, start).shape),
    np.matrix_transpose: transposed,
    np.linalg.matrix_transpose: transposed,
    np.atleast_1d:   each_atleast(1),
    np.atleast_2d:   each_atleast(2),
    np.atleast_3d:   each_atleast(3),
    np.concatenate:  concatenate,
    np.stack:        lambda arrays, axis=0: fn.stack(*map(built, arrays), axis=axis),
    np.hstack:       lambda tup: joined(1, int(built(tup[0]).ndim > 1), tup),
    np.vstack:       lambda tup: joined(2, 0, tup),
    np.dstack:       lambda tup: joined(3, 2, tup),
    np.column_stack: lambda tup: join(*[a.reshape(-1, 1) if a.ndim < 2 else a for a in map(built, tup)], axis=1),
    np.append:       lambda arr, values, axis=None: concatenate((built(arr), built(values)), axis),
    np.block:        block,
    np.insert:       insert,
    np.delete:       lambda arr, obj, axis=None: arranged(np.delete, arr, obj, axis),
    np.split:        split,
    np.array_split:  lambda ary, indices_or_sections, axis=0: pieces(np.array_split, ary, indices_or_sections, axis),
    np.hsplit:       lambda ary, indices_or_sections: split(ary, indices_or_sections, min(ary.ndim - 1, 1)),
    np.vsplit:       lambda ary, indices_or_sections: split(ary, indices_or_sections, 0 if ary.ndim > 1 else 2),
    np.dsplit:       lambda ary, indices_or_sections: split(ary, indices_or_sections, 2),
    np.flipud:       lambda m: np.flip(m, axis=0),
    np.fliplr:       lambda m: np.flip(m, axis=1),
    np.tile:         lambda A, reps: arranged(np.tile, A, reps),
    np.repeat:       lambda a, repeats, axis=None: arranged(np.repeat, a, repeats, axis),
    np.take:         lambda a, indices, axis=None, *, mode="raise": arranged(
                        np.take, a, indices, axis, *(() if mode == "raise" else (None, mode))),
    np.trace:        lambda a, offset=0, axis1=0, axis2=1: diagonal(a, offset, axis1, axis2).sum(-1),
    np.linalg.diagonal: lambda x, *, offset=0: diagonal(x, offset, -2, -1),
    np.linalg.trace: lambda x, *, offset=0: diagonal(x, offset, -2, -1).sum(-1),
    np.diag:         lambda v, k=0: np.diagonal(v, k) if v.ndim == 2 else arranged(np.diag, v, k),
    np.diagflat:     lambda v, k=0: arranged(np.diagflat, v, k),
    np.pad:          pad,
    np.select:       select,
    np.astype:       astype,
    np.copy:         lambda a: +a,
    np.real:         lambda val: val.real,
    np.conjugate:    lambda x: +x,
}
# fmt: on
if hasattr(np, "unstack"):  # From NumPy 2.1 on.
    SHAPES[np.unstack] = lambda x, *, axis=0: tuple(np.moveaxis(x, axis, 0))
