"""What a Tensor may hold, and what errors call it."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..calculus.foreign import full_name, is_duck, refuse_foreign


def numeric(data: Any, where: str) -> Any:
    """A copy of data as an array or a NumPy number; TypeError for what has no gradient."""
    if type(data) is not np.ndarray:
        refuse_foreign(data, where)
    try:
        array = np.array(data) if not is_duck(data) else data.copy() if hasattr(data, "copy") else data
    except ValueError as error:
        raise ValueError(f"{where}: {type(data).__name__} data is no array; give rows of equal length") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: {array.dtype} data has no gradient; give floating, integer or boolean numbers")
    return array if array.ndim else array[()]


def floating(data: Any, where: str) -> Any:
    """A floating copy of data; integers and booleans become float64."""
    array = numeric(data, where)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def as_dtype(value: Any, dtype: Any) -> Any:
    """A number or an array in a dtype, or in its own."""
    if is_duck(value):
        return value if dtype is None else value.astype(dtype)
    array = np.asarray(value, dtype)
    return array if array.ndim else array[()]


def plain(value: Any) -> Any:
    """The data of a Tensor; anything else as it is."""
    return value._array if hasattr(value, "_array") else value


def bare(value: Any) -> Any:
    """The data of Tensors, also of those in lists, tuples and arrays of objects."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.tolist()
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(bare, value))
    return plain(value)


def brief(data: Any) -> str:
    """An array on as few lines as it takes, a long one abridged; of one that would have to be computed, its repr."""
    if not isinstance(data, np.ndarray):
        return str(plain(data))
    return np.array2string(data, separator=", ", threshold=20, prefix="Tensor(")


def label(tensor: Any) -> str:
    """What errors call a tensor."""
    return f"a Tensor of shape {tensor._array.shape}" + f" named {tensor.name!r}" * (tensor.name is not None)


def elsewhere(row: Any, inputs: Iterable[Any], params: dict[str, Any], error: Exception) -> Any:
    """What another array type computes by NumPy's own function, where it does not know ours; else the error
    for arguments that do not fit the operation, and for an array type that lacks it.
    """
    inputs, name = tuple(inputs), row.called(params)
    values = [x._array for x in inputs]
    ducks = [full_name(value) for value in values if is_duck(value)]
    if ducks and row.compute is not row.function:
        try:
            return row.function(*values, **params)
        except (ValueError, IndexError, TypeError, NotImplementedError) as another:
            error = another
    labels = " and ".join(map(label, inputs))
    if isinstance(error, np.linalg.LinAlgError):
        raise np.linalg.LinAlgError(f"{name}: {labels} does not fit: {error}") from error
    if ducks and isinstance(error, TypeError | NotImplementedError):
        raise TypeError(f"{name}: {ducks[0]} lacks it for {labels}; compute the array first") from error
    if isinstance(error, TypeError):
        raise TypeError(f"{name}: {str(error).rpartition('<lambda>() ')[2]}") from error
    if isinstance(error, OverflowError):
        raise OverflowError(f"{name}: {error}") from error
    if len(inputs) > 1:
        raise ValueError(f"{name}: {labels} do not fit; reshape one of them") from error
    category = IndexError if isinstance(error, IndexError) else ValueError
    raise category(f"{name}: {labels} does not fit: {error}") from error
