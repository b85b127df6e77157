"""Array types of others: all that the project knows of Dask, CuPy, pandas, xarray and of NumPy's own odd ones."""

from typing import Any

import numpy as np


def speaks(data: Any, protocol: str) -> bool:
    return getattr(type(data), protocol, None) is not None


def is_duck(data: Any) -> bool:
    """Whether data are no NumPy array, but know how NumPy's functions work on them, as Dask's do: kept as they are."""
    return (
        not isinstance(data, np.ndarray | np.generic)
        and not hasattr(data, "__operation__")
        and speaks(data, "__array_ufunc__")
        and speaks(data, "__array_function__")
    )


def is_labelled(data: Any) -> bool:
    """Whether data are arrays with names for rows or axes, as in pandas and xarray: operators are left to them."""
    return not isinstance(data, np.ndarray | np.generic) and (
        (speaks(data, "__array_ufunc__") and not speaks(data, "__array_function__"))
        or (hasattr(type(data), "__array_ufunc__") and type(data).__array_ufunc__ is None)
    )


def full_name(data: Any) -> str:
    """The full name of a type: of Dask's arrays it is dask.array.core.Array."""
    return f"{type(data).__module__}.{type(data).__qualname__}"


def refuse_foreign(data: Any, where: str) -> None:
    """Refuse NumPy's arrays that are more than an array."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{where}: a masked array has no gradient where it is masked; fill it first")
    if isinstance(data, np.matrix):
        raise TypeError(f"{where}: np.matrix means another product by *; give np.asarray of it")


def sized(y: Any) -> Any:
    """An array of known size; lazy ones call it nan until they are computed, and no gradient has such a shape."""
    if y.size != y.size:
        raise ValueError("how many elements a mask selects is not known; use np.where, or compute the array first")
    return y


def readonly(data: Any) -> Any:
    """A view of an array that cannot be written to, and cannot be made writable; anything else as it is."""
    if type(data) is not np.ndarray:
        return data
    data.setflags(write=False)
    return data[...]  # What owns its memory could be made writable again, a view of it cannot.


def put(out: Any, key: Any, x: Any) -> None:
    """out[key] = x; an array type that reads with a key need not be able to write with it."""
    try:
        out[key] = x
    except (IndexError, AssertionError, NotImplementedError) as error:
        what = f"{full_name(out)} cannot put a gradient back at [{key}]"
        raise TypeError(f"getitem: {what}; compute the array first, or index one axis at a time") from error


def add_at(out: Any, key: Any, x: Any) -> None:
    """Add x to out at indices that may repeat."""
    try:
        np.add.at(out, key, x)
    except TypeError as error:
        raise TypeError(
            f"getitem: its gradient adds up at indices that may repeat, by np.add.at, which {full_name(out)} lacks; "
            "compute the array first, or index by slices"
        ) from error
