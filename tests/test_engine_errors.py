"""Every error sentence of the engine: it names the operation, what it met, and what to do."""

import copy
import math
import re
import warnings
from inspect import signature

import numpy as np
import pytest

from tinygrad_sig import Tensor, relu, sigmoid, softmax
from tinygrad_sig.calculus.define import define

w = Tensor(np.ones((2, 3)), name="w")
v = Tensor(np.ones(4), name="v")
number = v.sum()
constant = Tensor(1.0, name="c", requires_grad=False)
pair = np.ones(2)
with warnings.catch_warnings():  # NumPy itself warns of them.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    SAVED_MATRIX = np.matrix([[1.0]])

W, V = "a Tensor of shape (2, 3) named 'w'", "a Tensor of shape (4,) named 'v'"
NUMBER, PAIR = "a Tensor of shape ()", "a Tensor of shape (2,)"
FIT = "do not fit; reshape one of them"
CONSTANT = "is a constant; start from a result that depends on a leaf"
KIND = "data has no gradient; give floating, integer or boolean numbers"
LOST = "would lose its gradient; use np.stack or np.concatenate to join Tensors, inner lists first, or t.data"
NO_ROW = "it has no derivative here; give it one with define, or use t.data for a plain result"
SCALAR = "is no scalar; give an upstream gradient of its shape"
UPSTREAM = "backward: an upstream gradient of shape"
REFUSED = "does not fit:"
TRUTH = "has no single truth value; apply np.any or np.all to a comparison"
AXES = "has no axes; use t.item() for the number"
ASSIGN = "cannot be assigned into; build the new value with np.where"
REPLACE = "takes no data of shape"
PLACE = "stands where there is no derivative; use t.data there"
CLIPPED = ValueError if "min" in signature(np.clip).parameters else TypeError  # as NumPy 2.0 has it
BY_POSITION = "Tensors can be given by position only; write"


def rebind(tensor, data):
    tensor.data = data


def augment(array, tensor):
    array += tensor


def without(key):
    return f"it has no derivative with {key}=; leave it out, or use t.data"


# The formatter would break the columns: what is done, the kind of error, the sentence.
# fmt: off
ERRORS = [
    # From where can a backward pass start?
    (lambda: w.backward(),                   ValueError, f"backward: {W} {SCALAR}"),
    (lambda: w.backward(np.ones((3, 2))),    ValueError, f"{UPSTREAM} (3, 2) does not fit {W}"),
    (lambda: w.backward(1.0),                ValueError, f"{UPSTREAM} () does not fit {W}"),
    (lambda: number.backward([1.0]),         ValueError, f"{UPSTREAM} (1,) does not fit {NUMBER}"),
    (lambda: w.detach().sum().backward(),    ValueError, f"backward: {NUMBER} {CONSTANT}"),
    (lambda: constant.backward(),            ValueError, f"backward: {NUMBER} named 'c' {CONSTANT}"),
    (lambda: number.backward(1j),            TypeError,  f"complex128 {KIND}"),
    # Which shapes go together?
    (lambda: w + v,                          ValueError, f"add: {W} and {V} {FIT}"),
    (lambda: w * pair,                       ValueError, f"multiply: {W} and {PAIR} {FIT}"),
    (lambda: pair / w,                       ValueError, f"divide: {PAIR} and {W} {FIT}"),
    (lambda: [1, 2] - w,                     ValueError, f"subtract: {PAIR} and {W} {FIT}"),
    (lambda: np.maximum(v, w),               ValueError, f"maximum: {V} and {W} {FIT}"),
    (lambda: w @ w,                          ValueError, f"matmul: {W} and {W} {FIT}"),
    (lambda: np.matmul(pair, v),             ValueError, f"matmul: {PAIR} and {V} {FIT}"),
    (lambda: w @ 2.0,                        ValueError, f"matmul: {W} and {NUMBER} {FIT}"),
    (lambda: number @ 2.0,                   ValueError, f"matmul: {NUMBER} and {NUMBER} {FIT}"),
    (lambda: number @ number,                ValueError, f"matmul: {NUMBER} and {NUMBER} {FIT}"),
    (lambda: np.where(pair > 0, w, v),       ValueError, f"where: {PAIR} and {W} and {V} {FIT}"),
    (lambda: w.reshape(4),                   ValueError, f"reshape: {W} {REFUSED} cannot reshape array"),
    (lambda: w.transpose(0, 0),              ValueError, f"transpose: {W} {REFUSED} repeated axis"),
    (lambda: np.broadcast_to(w, 2),          ValueError, f"broadcast_to: {W} {REFUSED} input operand"),
    (lambda: w.sum(axis=2),                  IndexError, f"sum: {W} {REFUSED} axis 2 is out of bounds"),
    (lambda: w[2],                           IndexError, f"getitem: {W} {REFUSED} index 2 is out of bounds"),
    (lambda: number[0],                      IndexError, f"getitem: {NUMBER} {REFUSED} invalid index"),
    # What has no gradient?
    (lambda: Tensor(1j),                     TypeError,  f"Tensor: complex128 {KIND}"),
    (lambda: Tensor("1.0"),                  TypeError,  f"Tensor: <U3 {KIND}"),
    (lambda: Tensor(None),                   TypeError,  f"Tensor: object {KIND}"),
    (lambda: Tensor(np.array([1.0, None])),  TypeError,  f"Tensor: object {KIND}"),
    (lambda: Tensor(np.datetime64(0, "s")),  TypeError,  f"Tensor: datetime64[s] {KIND}"),
    (lambda: rebind(number.detach(), 1j),    TypeError,  f"complex128 {KIND}"),
    (lambda: w * 1j,                         TypeError,  f"multiply: complex128 {KIND}"),
    (lambda: np.array([1j]) + v,             TypeError,  f"add: complex128 {KIND}"),
    (lambda: v + "text",                     TypeError,  f"add: <U4 {KIND}"),
    (lambda: None - v,                       TypeError,  f"subtract: object {KIND}"),
    (lambda: np.where([True], v, 1j),        TypeError,  f"where: complex128 {KIND}"),
    # What would leave the graph unseen?
    (lambda: np.asarray(v),                  TypeError,  f"array: {V} {LOST}"),
    (lambda: np.array([v, v]),               TypeError,  f"array: {V} {LOST}"),
    (lambda: Tensor(v),                      TypeError,  f"array: {V} {LOST}"),
    (lambda: v * [v, v],                     TypeError,  f"array: {V} {LOST}"),
    (lambda: float(number),                  TypeError,  f"float: {NUMBER} would lose its gradient; use t.item()"),
    (lambda: math.exp(number),               TypeError,  "use t.item(), or np.exp(t) for math.exp(t)"),
    (lambda: bool(v),                        ValueError, f"bool: {V} {TRUTH}"),
    (lambda: bool(Tensor([])),               ValueError, f"bool: a Tensor of shape (0,) {TRUTH}"),
    (lambda: len(number),                    TypeError,  f"len: {NUMBER} {AXES}"),
    (lambda: iter(number),                   TypeError,  f"len: {NUMBER} {AXES}"),
    # What would be overwritten?
    (lambda: v.__setitem__(0, 1.0),          TypeError,  f"setitem: {V} {ASSIGN}"),
    (lambda: v.data.__setitem__(0, 1.0),     ValueError, "read-only"),
    (lambda: rebind(v, pair),                ValueError, f"data: {V} {REPLACE} (2,); make a new Tensor"),
    (lambda: rebind(number, 1.0),            ValueError, f"data: {NUMBER} was computed; give new data to the leaves"),
    (lambda: augment(np.ones(4), v),         TypeError,  f"add: {without('out')}"),
    (lambda: np.exp(v, out=np.ones(4)),      TypeError,  f"exp: {without('out')}"),
    (lambda: np.exp(v, np.ones(4)),          TypeError,  f"exp: {without('out')}"),
    (lambda: np.sum(v, out=np.ones(())),     TypeError,  f"sum: {without('out')}"),
    # What has no row, and what does a row not know?
    (lambda: np.i0(v),                       TypeError,  f"i0: {NO_ROW}"),
    (lambda: np.convolve(v, v),              TypeError,  f"convolve: {NO_ROW}"),
    (lambda: np.fft.fft(v),                  TypeError,  f"fft: {NO_ROW}"),
    (lambda: np.spacing(v),                  TypeError,  f"spacing: {NO_ROW}"),
    (lambda: np.nextafter(v, v),             TypeError,  f"nextafter: {NO_ROW}"),
    (lambda: np.add.reduce(v),               TypeError,  f"add.reduce: {NO_ROW}"),
    (lambda: np.add.accumulate(v),           TypeError,  f"add.accumulate: {NO_ROW}"),
    (lambda: np.multiply.outer(v, v),        TypeError,  f"multiply.outer: {NO_ROW}"),
    (lambda: np.add.at(np.ones(4), 0, v),    TypeError,  f"add.at: {NO_ROW}"),
    (lambda: np.sum(v, dtype=np.float32),    TypeError,  f"sum: {without('dtype')}"),
    (lambda: np.sum(v, 0, np.float32),       TypeError,  f"sum: {without('dtype')}"),
    (lambda: np.mean(v, where=[True] * 4),   TypeError,  f"mean: {without('where')}"),
    (lambda: np.add(v, 1, dtype=np.float32), TypeError,  f"add: {without('dtype')}"),
    (lambda: np.reshape(w, (3, 2), "F"),     TypeError,  f"reshape: {without('order')}"),
    (lambda: sigmoid(v, slope=1.0),          TypeError,  "unexpected keyword argument 'slope'"),
    (lambda: v.sum(dtype=np.float32),        TypeError,  f"sum: {without('dtype')}"),
    (lambda: np.sum(a=v),                    TypeError,  f"sum: {BY_POSITION} sum(x)"),
    (lambda: np.transpose(a=w, axes=(1, 0)), TypeError,  f"transpose: {BY_POSITION} transpose(x)"),
    (lambda: np.max(a=v),                    TypeError,  f"max: {BY_POSITION} max(x)"),
    (lambda: np.where(v - 1, 1.0, 2.0),      TypeError,  f"where: a Tensor of shape (4,) {PLACE}"),
    (lambda: sigmoid(np.ones(2) * 1j),       TypeError,  f"sigmoid: complex128 {KIND}"),
    (lambda: relu("text"),                   TypeError,  f"relu: <U4 {KIND}"),
    (lambda: w * SAVED_MATRIX,               TypeError,  "multiply: np.matrix means another product by *"),
    (lambda: np.stack([w, v]),               ValueError, f"stack: {W} and {V} do not fit"),
    (lambda: np.var(w, 0, None, np.ones(3)), TypeError,  f"var: {without('out')}"),
    (lambda: np.where(v, v),                 TypeError,  "where: its derivative takes 3 arguments; write where(c"),
    (lambda: np.sum(w, axis=number),         TypeError,  "sum: axis= takes a plain value; give t.data, or t.item()"),
    (lambda: copy.deepcopy(number),          TypeError,  f"copy: {NUMBER} was computed by sum; copy the leaves"),
    (lambda: Tensor([[1], [1, 2]]),          ValueError, "Tensor: list data is no array; give rows of equal length"),
    (lambda: w.backward("up"),               TypeError,  f"backward: <U2 {KIND}"),
    (lambda: Tensor(np.ma.masked_equal([1.0], 1)), TypeError, "Tensor: a masked array has no gradient where it is"),
    (lambda: np.where(v, v, 2.0),            TypeError,  f"where: {V} {PLACE}"),
    (lambda: np.max(v, initial=0),           TypeError,  f"max: {without('initial')}"),
    (lambda: np.min(v, where=[True] * 4, initial=9), TypeError, f"min: {without('where')}"),
    (lambda: np.cumsum(v, dtype=np.float32), TypeError,  f"cumsum: {without('dtype')}"),
    (lambda: np.cumsum(v, 0, np.float32),    TypeError,  f"cumsum: {without('dtype')}"),
    # What do compositions not know, and what do they refuse as NumPy does?
    (lambda: np.var(v, where=[True] * 4),    TypeError,  f"var: {without('where')}"),
    (lambda: np.std(v, mean=v.mean()),       TypeError,  "std: Tensors can be given by position only; write std(x"),
    (lambda: np.prod(v, initial=2.0),        TypeError,  f"prod: {without('initial')}"),
    (lambda: np.concatenate([v], dtype="f4"), TypeError, f"concatenate: {without('dtype')}"),
    (lambda: np.linalg.norm(w, ord="nuc"),   TypeError,  "norm: it has no derivative with ord='nuc' here; use None,"),
    (lambda: np.linalg.norm(w, ord=3),       ValueError, f"norm: {W} {REFUSED} Invalid norm order for matrices"),
    (lambda: np.einsum("ij,jk", w),          ValueError, f"einsum: {W} {REFUSED} more operands provided"),
    (lambda: np.einsum("ij", w, w),          ValueError, f"einsum: {W} and {W} do not fit: fewer operands provided"),
    (lambda: np.einsum("ij->ik", w),         ValueError, f"einsum: {W} {REFUSED} einstein sum subscripts string"),
    (lambda: np.einsum("ij,jk", w, w),       ValueError, f"einsum: {W} and {W} do not fit: operands could not be"),
    (lambda: np.concatenate([w, v]),         ValueError, f"concatenate: {W} and {V} do not fit: all the input"),
    (lambda: np.concatenate([w, w.T]),       ValueError, f"concatenate: {W} and a Tensor of shape (3, 2) do not"),
    (lambda: np.var(w, axis=2),              IndexError, f"var: {W} {REFUSED} axis 2 is out of bounds"),
    (lambda: np.clip(v, 0, 1, min=0),        CLIPPED,    f"clip: {V} {REFUSED}"),
    (lambda: np.tensordot(w, w, 1),          ValueError, f"tensordot: {W} and {W} do not fit: shape-mismatch"),
    (lambda: np.trace(v),                    ValueError, f"trace: {V} {REFUSED} diag requires an array of at least"),
    (lambda: np.take(v, [5]),                IndexError, f"take: {V} {REFUSED} index 5 is out of bounds"),
    (lambda: softmax(w, axis=0.5),           TypeError,  "axis: 0.5 is no whole number and no tuple of them"),
    # What can be defined?
    (lambda: define(np.interp),              ValueError, "define: interp needs an entry for each argument; give its"),
    (lambda: define(np.exp, lambda y, x: y), ValueError, "define: exp has a row already; define a function of your"),
    (lambda: define(np.sum, lambda g, y, x: g, carry=True), ValueError, "define: sum has a row already; define a"),
]
# fmt: on


@pytest.mark.parametrize(("act", "kind", "sentence"), ERRORS, ids=[sentence.split(":")[0] for *_, sentence in ERRORS])
def test_errors_say_what_is_wrong_and_what_to_do(act, kind, sentence):
    with pytest.raises(kind, match=re.escape(sentence)) as caught:
        act()
    assert type(caught.value) is kind


def test_where_with_one_argument_is_not_told_of_positions():
    """np.where(t, 1) passes its only Tensor by position; the sentence about keywords would send the reader astray."""
    with pytest.raises(TypeError, match=r"^where: (?!Tensors can be given by position only)"):
        np.where(v, 1)


def test_an_index_that_is_a_tensor_is_refused_however_deep_its_graph():
    index = Tensor([0.0])
    for _ in range(5_000):
        index = -index
    with pytest.raises(TypeError, match="getitem: key= takes a plain value"):
        v[index]
    with pytest.raises(TypeError, match="takes a plain value"):
        v[index, index]


def test_an_error_leaves_the_gradients_as_they_were():
    x = Tensor([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    for act in (lambda: (x * x).backward(), lambda: y.backward([1.0, 2.0]), lambda: x + np.ones(3)):
        with pytest.raises(ValueError, match=r"scalar|fit"):
            act()
        assert (x.grad.tolist(), y.grad) == ([2.0, 4.0], 1)
