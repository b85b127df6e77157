"""ArrayLike: all that lets a Tensor be used as a NumPy array; of differentiation, nothing.

Every way to write an operation, `a * b`, `np.sum(t)`, `t.sum()` or `sigmoid(t)`, ends in `__operation__`, which the
subclass has. What would lose a gradient unseen is refused here, in one sentence.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from ..calculus.functions import Function, cast, getitem, relu, sigmoid
from .display import Displayed
from .values import brief, label, plain

NO_ROW = "it has no derivative here; give it one with define, or use t.data for a plain result"
LOST = "would lose its gradient"
JOIN = "use np.stack or np.concatenate to join Tensors, inner lists first"


def spelled(function: Function) -> Callable[..., Any]:
    """A method that is another way to write a function of NumPy's, with its parameters."""

    def method(self: Any, *args: Any, **params: Any) -> Any:
        return self.__operation__(function, self, *args, **params)

    method.__name__, method.__doc__ = function.__name__, f"{function.__name__}(self, …), as the function of that name."
    method.spells = function  # type: ignore[attr-defined]
    return method


def reflected(function: Function) -> Callable[[Any, Any], Any]:
    """The method behind an operator with the array on its right."""

    def method(self: Any, other: Any) -> Any:
        return self.__operation__(function, other, self)

    method.spells_reflected = function  # type: ignore[attr-defined]
    return method


def augmented(function: Function) -> Callable[[Any, Any], Any]:
    """The method behind an operator like +=."""
    return lambda self, other: self.augmented(function, other)


def comparison(compute: Function) -> Callable[[Any, Any], Any]:
    """The method behind an operator whose result is a plain array."""
    return lambda self, other: compute(self._array, plain(other))


class ArrayLike(Displayed):
    """An object that holds an array in `_array` and is used as one.

    An attribute named `_data` would be taken by np.ma without asking: masked_array * t would lose its gradient unseen.
    """

    __slots__ = ()
    _array: Any
    data: Any
    name: str | None
    requires_grad: bool
    inputs: tuple[Any, ...]
    op: Any
    grad: Any

    def __operation__(self, function: Function, *args: Any, **params: Any) -> Any:
        """y = function(*args, **params), of which one argument is `self`."""
        raise NotImplementedError

    shape = property(lambda self: self._array.shape, doc="The lengths of the axes, as in NumPy.")
    ndim = property(lambda self: self._array.ndim, doc="The number of axes, as in NumPy.")
    size = property(lambda self: self._array.size, doc="The number of elements, as in NumPy.")
    dtype = property(lambda self: self._array.dtype, doc="The dtype, as in NumPy.")
    itemsize = property(lambda self: self._array.itemsize, doc="The bytes of an element, as in NumPy.")
    nbytes = property(lambda self: self._array.nbytes, doc="The bytes of all elements, as in NumPy.")
    T = property(lambda self: self.__operation__(np.transpose, self), doc="The transpose.")
    mT = property(lambda self: self.__operation__(np.swapaxes, self, -1, -2), doc="The transpose of the last two axes.")
    real = property(lambda self: self, doc="The Tensor itself.")

    __neg__, __pos__, __abs__ = spelled(np.negative), spelled(np.positive), spelled(np.absolute)
    __add__, __radd__ = spelled(np.add), reflected(np.add)
    __sub__, __rsub__ = spelled(np.subtract), reflected(np.subtract)
    __mul__, __rmul__ = spelled(np.multiply), reflected(np.multiply)
    __truediv__, __rtruediv__ = spelled(np.divide), reflected(np.divide)
    __floordiv__, __rfloordiv__ = spelled(np.floor_divide), reflected(np.floor_divide)
    __mod__, __rmod__ = spelled(np.remainder), reflected(np.remainder)
    __matmul__, __rmatmul__ = spelled(np.matmul), reflected(np.matmul)
    __rpow__ = reflected(np.power)
    __iadd__, __isub__ = augmented(np.add), augmented(np.subtract)
    __imul__, __itruediv__ = augmented(np.multiply), augmented(np.divide)
    __imod__, __ipow__, __imatmul__ = augmented(np.remainder), augmented(np.power), augmented(np.matmul)
    __lt__, __le__ = comparison(operator.lt), comparison(operator.le)
    __gt__, __ge__ = comparison(operator.gt), comparison(operator.ge)
    __eq__, __ne__ = comparison(operator.eq), comparison(operator.ne)
    __hash__ = object.__hash__
    __getitem__ = spelled(getitem)

    exp, log, sqrt, sin, cos = spelled(np.exp), spelled(np.log), spelled(np.sqrt), spelled(np.sin), spelled(np.cos)
    tanh, sigmoid, relu, conj = spelled(np.tanh), spelled(sigmoid), spelled(relu), spelled(np.positive)
    conjugate = conj
    sum, mean, max, min = spelled(np.sum), spelled(np.mean), spelled(np.max), spelled(np.min)
    prod, cumsum, cumprod, ptp = spelled(np.prod), spelled(np.cumsum), spelled(np.cumprod), spelled(np.ptp)
    var, std, dot = spelled(np.var), spelled(np.std), spelled(np.dot)
    ravel, squeeze, swapaxes, repeat = spelled(np.ravel), spelled(np.squeeze), spelled(np.swapaxes), spelled(np.repeat)
    flatten, take, diagonal, trace = ravel, spelled(np.take), spelled(np.diagonal), spelled(np.trace)
    all, any, argmax, argmin = spelled(np.all), spelled(np.any), spelled(np.argmax), spelled(np.argmin)
    argsort, argpartition, nonzero = spelled(np.argsort), spelled(np.argpartition), spelled(np.nonzero)
    searchsorted, round = spelled(np.searchsorted), spelled(np.round)

    def __pow__(self, exponent: Any, modulus: None = None) -> Self:
        if modulus is not None:
            raise TypeError(f"pow: {label(self)} has no power modulo another number; write t**n % m")
        return self.__operation__(np.power, self, exponent)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, **params: Any) -> Self:
        """The same elements in another shape, given as numbers or as one tuple, as np.reshape."""
        given = [shape[0] if len(shape) == 1 else shape] if shape else []
        return self.__operation__(np.reshape, self, *given, **params)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Self:
        """The axes in another order, given as numbers or as one tuple, or else reversed, as np.transpose."""
        return self.__operation__(np.transpose, self, axes[0] if len(axes) == 1 else axes or None)  # type: ignore[no-any-return]

    def clip(self, min: Any = None, max: Any = None, **params: Any) -> Self:
        """Kept between two bounds, as np.clip."""
        return self.__operation__(np.clip, self, min, max, **params)  # type: ignore[no-any-return]

    def copy(self, *args: Any, **params: Any) -> Self:
        """A new node of the same numbers; in which order they lie does not show."""
        np.empty(0).copy(*args, **params)  # What it refuses, it refuses in NumPy's words.
        return self.conj()  # type: ignore[no-any-return]

    def astype(self, *args: Any, **params: Any) -> Self:
        """The same numbers in another floating dtype, with the parameters of np.ndarray.astype."""
        dtype = np.empty(0, self.dtype).astype(*args, **params).dtype
        if dtype.kind != "f":
            raise TypeError(f"astype: {label(self)} would lose its gradient in {dtype}; use t.data.astype")
        return self.__operation__(cast, self, dtype=dtype)  # type: ignore[no-any-return]

    def numpy(self) -> Any:
        """A copy of the value, as an array of the caller's own."""
        return np.array(self.data)

    def item(self, *index: Any) -> Any:
        """The value of a one-element tensor, or of the element at an index, as a Python number."""
        return np.array(self.data).item(*index)

    def tolist(self) -> Any:
        """The value as a number or nested lists of numbers."""
        return self.numpy().tolist()

    def __array_ufunc__(self, ufunc: Any, how: str, *args: Any, **params: Any) -> Any:
        if how == "__call__":
            return self.__operation__(ufunc, *args, **params)
        raise TypeError(f"{ufunc.__name__}.{how}: {NO_ROW}")

    def __array_function__(self, function: Function, types: Any, args: Any, params: Any) -> Any:
        return self.__operation__(function, *args, **params)

    def augmented(self, function: Function, other: Any) -> Any:
        """The value of `t += other` and its kind."""
        return self.__operation__(function, self, other)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"len: {label(self)} has no axes; use t.item() for the number")
        return len(self._array)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"bool: {label(self)} has no single truth value; apply np.any or np.all to a comparison")
        return bool(self._array)

    def __float__(self) -> float:
        raise TypeError(f"float: {label(self)} {LOST}; use t.item(), or np.exp(t) for math.exp(t); {JOIN}")

    def __int__(self) -> int:
        raise TypeError(f"int: {label(self)} {LOST}; use int(t.item())")

    __index__ = __int__

    def __round__(self, digits: int | None = None) -> Any:
        raise TypeError(f"round: {label(self)} {LOST}; use np.round(t) for a plain array")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(f"array: {label(self)} {LOST}; {JOIN}, or t.data")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(f"setitem: {label(self)} cannot be assigned into; build the new value with np.where")

    def __reduce__(self) -> Any:
        if self.inputs:
            raise TypeError(
                f"copy: {label(self)} was computed by {self.op}; copy the leaves, or the result of detach()"
            )
        state = {key: getattr(self, key) for key in ("name", "requires_grad", "grad")}
        return type(self), (self._array,), (None, state)

    def __repr__(self) -> str:
        parts = [brief(self._array)]
        parts += [f"dtype={self.dtype}"] * (self.dtype != np.float64)
        parts += [f"{key}={value!r}" for key in ("name", "op") if (value := getattr(self, key)) is not None]
        parts += ["requires_grad=False"] * (not self.requires_grad)
        return f"{type(self).__name__}({', '.join(parts)}, grad={brief(self.grad)})"

    def __format__(self, spec: str) -> str:
        return format(np.asarray(self._array)[()], spec) if spec else repr(self)


class Refused:
    """An attribute of NumPy's arrays that a Tensor cannot have, with the way out."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Any, owner: Any) -> Any:
        if tensor is None:
            return self
        way_out = f"use np.{self.name}" if self.name in ("sort", "partition") else f"use t.data.{self.name}"
        raise AttributeError(f"{self.name}: {label(tensor)} has none, for it is a node of a graph; {way_out}")


for attribute in dir(np.ndarray):
    if not attribute.startswith("_") and not hasattr(ArrayLike, attribute):
        setattr(ArrayLike, attribute, Refused(attribute))
