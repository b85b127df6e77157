"""ArrayLike: all that lets a Tensor be used as a NumPy array; of differentiation, only whether there is a row.

Whatever a caller writes, `np.sum(t)`, `t.sum()` or `t < 2`, ends here in one of three ways: a node, which the subclass
makes by `apply`; a plain array, where the result has no gradient; an error that names the function, everywhere else.
"""

import operator
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from inspect import Parameter, signature
from typing import Any, Self

import numpy as np

from ..calculus.activations import pivots
from ..calculus.compositions import COMPOSED
from ..calculus.functions import Function, chosen, getitem, is_duck, shares
from ..calculus.rules import LINEAR, LOCAL, Each

# Comparisons, steps and counts: their values are plain arrays, because the derivative is 0 wherever there is one.
PLAIN: frozenset[Function] = frozenset(
    (
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, chosen, shares, pivots),
        *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.any, np.all),
        *(np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal, np.isin),
        *(np.sign, np.signbit, np.floor, np.ceil, np.trunc, np.fix, np.rint, np.round, np.floor_divide, np.heaviside),
        *(np.argmax, np.argmin, np.argsort, np.argpartition, np.searchsorted, np.digitize),
        *(np.nonzero, np.flatnonzero, np.count_nonzero),
        *(np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like, np.empty_like, np.full_like),
        *(np.array_repr, np.array_str, np.array2string, np.iscomplexobj, np.isrealobj, np.argwhere),
    )
)


def comparison(compute: Function) -> Callable[[Any, Any], Any]:
    """The method behind an operator whose result is a plain array."""
    return lambda self, other: compute(self._array, plain(other))


def passed_on(function: Function) -> Callable[..., Any]:
    """A function of NumPy's as a method, with its parameters."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = function.__name__, f"np.{function.__name__}(self, …)."
    return method


class ArrayLike:
    """An object that holds an array in `_array` and is used as one.

    An attribute named `_data` would be taken by np.ma without asking: masked_array * t would lose its gradient unseen.
    """

    __slots__ = ()
    _array: Any
    name: str | None
    requires_grad: bool

    def apply(self, function: Function, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The node y = function(*args, **params)."""
        raise NotImplementedError

    shape = property(lambda self: self._array.shape, doc="The lengths of the axes, as in NumPy.")
    ndim = property(lambda self: self._array.ndim, doc="The number of axes, as in NumPy.")
    size = property(lambda self: self._array.size, doc="The number of elements, as in NumPy.")
    dtype = property(lambda self: self._array.dtype, doc="The dtype, as in NumPy.")
    T = property(lambda self: self.transpose(), doc="The transpose.")

    def sum(self, axis: Any = None, keepdims: bool = False) -> Self:
        """The sum over `axis`, or over all axes, as np.sum."""
        return self.apply(np.sum, (self,), {"axis": axis, "keepdims": keepdims})  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Self:
        """The mean over `axis`, or over all axes, as np.mean."""
        return self.apply(np.mean, (self,), {"axis": axis, "keepdims": keepdims})  # type: ignore[no-any-return]

    max, min, prod, cumsum = passed_on(np.max), passed_on(np.min), passed_on(np.prod), passed_on(np.cumsum)
    var, std, clip, dot = passed_on(np.var), passed_on(np.std), passed_on(np.clip), passed_on(np.dot)
    ravel, squeeze, swapaxes = passed_on(np.ravel), passed_on(np.squeeze), passed_on(np.swapaxes)
    take, diagonal, trace = passed_on(np.take), passed_on(np.diagonal), passed_on(np.trace)

    def reshape(self, *shape: Any) -> Self:
        """The same elements in another shape, given as numbers or as one tuple, as np.reshape."""
        return np.reshape(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)  # type: ignore

    def transpose(self, *axes: Any) -> Self:
        """The axes in another order, given as numbers or as one tuple, or else reversed, as np.transpose."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)  # type: ignore

    def numpy(self) -> Any:
        """A copy of the value, as an array of the caller's own."""
        return np.array(self._array)

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        return np.array(self._array).item()

    def __getitem__(self, key: Any) -> Self:
        item = self.__operation__(getitem, self, key)
        if item.size != item.size:  # A lazy array calls it nan until it is computed, and so no gradient has its shape.
            raise TypeError(
                f"getitem: {kind(self._array)} does not know how many elements of {label(self)} a mask selects; use "
                "np.where, or compute the array first"
            )
        return item  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(f"setitem: {label(self)} cannot be assigned into; build the new value with np.where")

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"len: {label(self)} has no axes; use t.item() for the number")
        return len(self._array)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"bool: {label(self)} has no single truth value; apply np.any or np.all to a comparison")
        return bool(self._array)

    def __float__(self) -> float:
        raise TypeError(f"float: {label(self)} would lose its gradient; use t.item(), or np.exp(t) for math.exp(t)")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(f"array: {label(self)} would lose its gradient; use t.data, or the Tensor itself")

    def __format__(self, spec: str) -> str:
        return format(self.numpy()[()], spec) if spec else repr(self)

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
        name, row = function.__name__, LOCAL.get(function) or LINEAR.get(function)
        if row is None and function in PLAIN:
            for value in (*args[1:], *kwargs.values()) if function in (np.full_like, np.heaviside) else ():
                if isinstance(value, ArrayLike) and value.requires_grad:
                    raise TypeError(f"{name}: {label(value)} would lose its gradient there; use t.data, or np.where")
            return function(*map(plain, args), **{key: bare(value) for key, value in kwargs.items()})
        if row is None and function in COMPOSED:
            return composed(function, args, kwargs)
        if row is None:
            raise TypeError(f"{name}: it has no derivative here; use t.data for a plain result")
        arity = len(args) if isinstance(row, Each) else len(row)
        if len(args) > arity:
            names = list(signature(function).parameters)[arity:]
            if len(args) > arity + len(names):
                raise TypeError(f"{name}: {len(args)} arguments were given, and it takes {arity}; leave out the others")
            kwargs = dict(zip(names, args[arity:], strict=False)) | kwargs
        params = understood(function, args, kwargs)
        if len(args) < arity:
            operands, _ = arguments(function)
            raise TypeError(f"{name}: its derivative takes {arity} arguments; write {name}({', '.join(operands)})")
        for i, argument in enumerate(args[:arity]):
            if row[i] is None and isinstance(argument, ArrayLike) and argument.requires_grad:
                raise TypeError(f"{name}: {label(argument)} stands where there is no derivative; use t.data there")
        return self.apply(function, args[:arity], {key: settled(value) for key, value in params.items()})


def composed(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function written in others; what NumPy's own refuses is refused with NumPy's reason, not with theirs."""
    kinds = [p.kind for p in signature(COMPOSED[function]).parameters.values()]
    if Parameter.VAR_POSITIONAL not in kinds:  # NumPy takes dtype= and out= by position too; here they have names only.
        taken = kinds.count(Parameter.POSITIONAL_OR_KEYWORD)
        kwargs = dict(zip(list(signature(function).parameters)[taken:], args[taken:], strict=False)) | kwargs
        args = args[:taken]
    params = understood(function, args, kwargs)
    try:
        return COMPOSED[function](*args, **params)
    except (TypeError, ValueError, IndexError):
        try:
            function(*map(bare, args), **{key: bare(value) for key, value in kwargs.items()})
        except (TypeError, ValueError, IndexError) as error:
            category = next(c for c in (IndexError, TypeError, ValueError) if isinstance(error, c))
            every = [a for arg in args for a in (arg if isinstance(arg, list | tuple) else [arg])]
            labels = [label(a) for a in every if isinstance(a, ArrayLike)]
            what = f"{' and '.join(labels)} do{'es' * (len(labels) == 1)} not fit: " * bool(labels)
            raise category(f"{function.__name__}: {what}{error}") from error
        raise


@cache
def arguments(function: Function) -> tuple[list[str], list[str]]:
    """The names of a function's operands, and those of the parameters that its derivative knows."""
    row = LOCAL.get(function) or LINEAR.get(function)
    if row is None:
        names = list(signature(COMPOSED[function]).parameters)
        return names[:1], names[1:]
    if isinstance(row, Each):
        names = list(signature(row.entry).parameters)
        return names[3:4], names[4:]
    names = list(signature(next(filter(None, row))).parameters)[1 if function in LOCAL else 2 :]
    return names[: len(row)], names[len(row) :] if function in LINEAR else []


def understood(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments that the derivative knows; None is as good as not given, all else is refused."""
    if not kwargs:
        return kwargs
    name = function.__name__
    operands, known = arguments(function)
    for key, value in kwargs.items():
        is_tensor = isinstance(value, ArrayLike)
        if is_tensor and key in known and function not in COMPOSED:
            raise TypeError(f"{name}: {key}= takes a plain value; give t.data, or t.item()")
        if is_tensor and key not in known:
            raise TypeError(f"{name}: Tensors can be given by position only; write {name}({', '.join(operands)})")
        if key not in known and value is not None:
            raise TypeError(f"{name}: it has no derivative with {key}=; leave it out, or use t.data")
    return {key: value for key, value in kwargs.items() if key in known}


def numeric(data: Any, where: str) -> Any:
    """A copy of data as an array or a NumPy number; TypeError for what has no gradient."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{where}: a masked array has no gradient where it is masked; fill it first")
    if isinstance(data, np.matrix):
        raise TypeError(f"{where}: np.matrix means another product by *; give np.asarray of it")
    try:
        array = data if is_duck(data) else np.array(data)
    except ValueError as error:
        raise ValueError(f"{where}: {type(data).__name__} data is no array; give rows of equal length") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: {array.dtype} data has no gradient; give floating, integer or boolean numbers")
    return array if array.ndim else array[()]


def floating(data: Any, where: str) -> Any:
    """A floating copy of data; integers and booleans become float64."""
    array = numeric(data, where)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def constant(value: Any, dtype: Any) -> Any:
    """A number or an array in a dtype, or in its own."""
    if is_duck(value):
        return value if dtype is None else value.astype(dtype)
    array = np.asarray(value, dtype)
    return array if array.ndim else array[()]


def fixed(data: Any) -> Any:
    """Data that cannot be changed any more: an array made read-only, or a NumPy number where there are no axes."""
    if not data.ndim:
        return data[()]
    if type(data) is np.ndarray:
        data.setflags(write=False)
    return data


def kind(data: Any) -> str:
    """The full name of a type: of Dask's arrays it is dask.array.core.Array."""
    return f"{type(data).__module__}.{type(data).__qualname__}"


def brief(data: Any) -> str:
    """An array on as few lines as it takes, a long one abridged; of one that would have to be computed, its repr."""
    if not isinstance(data, np.ndarray):
        return str(plain(data))
    return np.array2string(data, separator=", ", threshold=20, prefix="Tensor(")


def misfit(function: Function, inputs: Iterable[Any], error: Exception) -> Exception:
    """The error for arguments that do not fit the operation, or for an array type that lacks it."""
    inputs = tuple(inputs)
    labels = " and ".join(map(label, inputs))
    ducks = [kind(i._array) for i in inputs if is_duck(i._array)]
    if ducks and isinstance(error, TypeError | NotImplementedError):
        return TypeError(f"{function.__name__}: {ducks[0]} lacks it for {labels}; compute the array first")
    if isinstance(error, TypeError):
        return TypeError(f"{function.__name__}: {error}")
    if " and " in labels:
        return ValueError(f"{function.__name__}: {labels} do not fit; reshape one of them")
    category = IndexError if isinstance(error, IndexError) else ValueError
    return category(f"{function.__name__}: {labels} does not fit: {error}")


def settled(parameter: Any) -> Any:
    """A parameter that the caller cannot change any more; a Tensor in it is refused, for it would lose its gradient."""
    if isinstance(parameter, list | tuple):
        return (list if isinstance(parameter, list) else tuple)(map(settled, parameter))
    return np.array(parameter) if isinstance(parameter, np.ndarray | ArrayLike) else parameter


def plain(value: Any) -> Any:
    """The data of a Tensor; anything else as it is."""
    return value._array if isinstance(value, ArrayLike) else value


def bare(value: Any) -> Any:
    """The data of Tensors, also of those in lists and tuples."""
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(bare, value))
    return plain(value)


def label(tensor: ArrayLike) -> str:
    """What errors call a tensor."""
    return f"a Tensor of shape {tensor._array.shape}" + f" named {tensor.name!r}" * (tensor.name is not None)
