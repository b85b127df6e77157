"""ArrayLike: all that lets a Tensor be used as a NumPy array, and nothing of differentiation.

Whatever a caller writes, `np.sum(t)`, `t.sum()` or `t < 2`, ends here in one of three ways: a node, which the subclass
makes by `apply`; a plain array, where the result has no gradient; an error that names the function, everywhere else.
"""

import operator
from collections.abc import Callable, Iterable, Iterator
from inspect import signature
from typing import Any, Self

import numpy as np

from .functions import Function, getitem, larger
from .rules import LINEAR, LOCAL

# Comparisons, steps and counts: their values are plain arrays, because the derivative is 0 wherever there is one.
PLAIN: frozenset[Function] = frozenset(
    (
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, larger),
        *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.any, np.all),
        *(np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal),
        *(np.sign, np.signbit, np.floor, np.ceil, np.trunc, np.rint, np.round, np.floor_divide, np.heaviside),
        *(np.argmax, np.argmin, np.argsort, np.searchsorted, np.nonzero, np.flatnonzero, np.count_nonzero),
        *(np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like, np.empty_like, np.full_like),
    )
)


def comparison(compute: Function) -> Callable[[Any, Any], Any]:
    """The method behind an operator whose result is a plain array."""
    return lambda self, other: compute(self._data, plain(other))


class ArrayLike:
    """An object that holds an array in `_data` and is used as one."""

    __slots__ = ()
    _data: Any
    name: str | None
    requires_grad: bool

    def apply(self, function: Function, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The node y = function(*args, **params)."""
        raise NotImplementedError

    shape = property(lambda self: self._data.shape, doc="The lengths of the axes, as in NumPy.")
    ndim = property(lambda self: self._data.ndim, doc="The number of axes, as in NumPy.")
    size = property(lambda self: self._data.size, doc="The number of elements, as in NumPy.")
    dtype = property(lambda self: self._data.dtype, doc="The dtype, as in NumPy.")
    T = property(lambda self: self.transpose(), doc="The transpose.")

    def sum(self, axis: Any = None, keepdims: bool = False) -> Self:
        """The sum over `axis`, or over all axes, as np.sum."""
        return self.apply(np.sum, (self,), {"axis": axis, "keepdims": keepdims})  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Self:
        """The mean over `axis`, or over all axes, as np.mean."""
        return self.apply(np.mean, (self,), {"axis": axis, "keepdims": keepdims})  # type: ignore[no-any-return]

    def reshape(self, *shape: Any) -> Self:
        """The same elements in another shape, given as numbers or as one tuple, as np.reshape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore

    def transpose(self, *axes: Any) -> Self:
        """The axes in another order, given as numbers or as one tuple, or else reversed, as np.transpose."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)  # type: ignore

    def numpy(self) -> Any:
        """A copy of the value, as an array of the caller's own."""
        return np.array(self._data)

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        return self._data.item()

    def __getitem__(self, key: Any) -> Self:
        return self.__operation__(getitem, self, key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(f"setitem: {label(self)} cannot be assigned into; build the new value with np.where")

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"len: {label(self)} has no axes; use t.item() for the number")
        return len(self._data)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"bool: {label(self)} has no single truth value; apply np.any or np.all to a comparison")
        return bool(self._data)

    def __float__(self) -> float:
        raise TypeError(f"float: {label(self)} would lose its gradient; use t.item(), or np.exp(t) for math.exp(t)")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(f"array: {label(self)} would lose its gradient; use t.data, or the Tensor itself")

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    __floordiv__, __rfloordiv__ = comparison(operator.floordiv), comparison(lambda a, b: b // a)
    __lt__, __le__ = comparison(operator.lt), comparison(operator.le)
    __gt__, __ge__ = comparison(operator.gt), comparison(operator.ge)
    __eq__, __ne__ = comparison(operator.eq), comparison(operator.ne)
    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: Any, how: str, *args: Any, **kwargs: Any) -> Any:
        if how != "__call__":
            raise TypeError(f"{ufunc.__name__}.{how}: it has no derivative here; use t.data for a plain result")
        return self.__operation__(ufunc, *args, **kwargs)

    def __array_function__(self, function: Function, types: Any, args: Any, kwargs: Any) -> Any:
        return self.__operation__(function, *args, **kwargs)

    def __operation__(self, function: Function, *args: Any, **kwargs: Any) -> Any:
        name = function.__name__
        if function in PLAIN:
            return function(*map(plain, args), **{key: plain(value) for key, value in kwargs.items()})
        row = LOCAL.get(function) or LINEAR.get(function)
        if row is None:
            raise TypeError(f"{name}: it has no derivative here; use t.data for a plain result")
        arity, before = len(row), 1 if function in LOCAL else 2
        known = list(signature(next(filter(None, row))).parameters)[before:] if len(args) != arity or kwargs else []
        operands, known = known[:arity], known[arity:] if function in LINEAR else []
        usage = f"write {name}({', '.join(operands)})"
        if len(args) > arity:
            kwargs = dict(zip(list(signature(function).parameters)[arity:], args[arity:], strict=False)) | kwargs
        for key, value in kwargs.items():
            if key in known and isinstance(value, ArrayLike):
                raise TypeError(f"{name}: {key}= takes a plain value; give t.data, or t.item()")
            if isinstance(value, ArrayLike):
                raise TypeError(f"{name}: Tensors can be given by position only; {usage}")
            if key not in known and value is not None:
                raise TypeError(f"{name}: it has no derivative with {key}=; leave it out, or use t.data")
        if len(args) < arity:
            raise TypeError(f"{name}: its derivative takes {arity} arguments; {usage}")
        for argument, entry in zip(args, row, strict=False):
            if entry is None and isinstance(argument, ArrayLike) and argument.requires_grad:
                raise TypeError(f"{name}: {label(argument)} stands where there is no derivative; use t.data there")
        params = {key: settled(value) for key, value in kwargs.items() if key in known}
        return self.apply(function, args[:arity], params)


def numeric(data: Any, where: str) -> Any:
    """A copy of data as an array or a NumPy number; TypeError for what has no gradient."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{where}: a masked array has no gradient where it is masked; fill it first")
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(f"{where}: {type(data).__name__} data is no array; give rows of equal length") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: {array.dtype} data has no gradient; give floating, integer or boolean numbers")
    return array if array.ndim else array[()]


def floating(data: Any, where: str) -> Any:
    """A floating copy of data; integers and booleans become float64."""
    array = numeric(data, where)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def fixed(data: Any) -> Any:
    """Data that cannot be changed any more: an array made read-only, or a NumPy number where there are no axes."""
    if not np.ndim(data):
        return data[()]
    data.setflags(write=False)
    return data


def brief(data: Any) -> str:
    """An array on as few lines as it takes, a long one abridged."""
    return np.array2string(data, separator=", ", threshold=20, prefix="Tensor(") if np.ndim(data) else str(data)


def misfit(function: Function, inputs: Iterable[Any], error: Exception) -> Exception:
    """The error for arguments that do not fit the operation."""
    labels = " and ".join(map(label, inputs))
    if " and " in labels:
        return ValueError(f"{function.__name__}: {labels} do not fit; reshape one of them")
    kind = IndexError if isinstance(error, IndexError) else ValueError
    return kind(f"{function.__name__}: {labels} does not fit: {error}")


def settled(parameter: Any) -> Any:
    """A parameter that the caller cannot change any more; a Tensor in it is refused, for it would lose its gradient."""
    if isinstance(parameter, list | tuple):
        return (list if isinstance(parameter, list) else tuple)(map(settled, parameter))
    return np.array(parameter) if isinstance(parameter, np.ndarray | ArrayLike) else parameter


def plain(value: Any) -> Any:
    """The data of a Tensor; anything else as it is."""
    return value._data if isinstance(value, ArrayLike) else value


def label(tensor: ArrayLike) -> str:
    """What errors call a tensor."""
    return f"a Tensor of shape {np.shape(tensor._data)}" + f" named {tensor.name!r}" * (tensor.name is not None)
