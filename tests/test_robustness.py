"""What must hold beside right numbers: untaken branches, dtypes, copies, threads, and memory that comes back."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import tinygrad_sig
from tinygrad_sig import Tensor, grad, hessian, jacobian, jvp, no_grad, sigmoid, trace
from tinygrad_sig.calculus.rules import LOCAL

X = [-1.0, 0.0, 4.0]
ELEMENTWISE = [f for f in LOCAL if isinstance(f, np.ufunc) or hasattr(tinygrad_sig, f.__name__)]
ACTIVATIONS = ["softplus", "log_sigmoid", "leaky_relu", "elu", "gelu", "silu", "softmax", "log_softmax", "logsumexp"]
OF_A_MATRIX = {
    **{
        name: getattr(np, name)
        for name in ("sum", "mean", "max", "min", "prod", "cumsum", "var", "std", "ravel", "trace")
    },
    **{name: getattr(np, name) for name in ("diag", "diagonal", "tril", "triu", "transpose", "squeeze", "flip")},
    **{name: getattr(tinygrad_sig, name) for name in ACTIVATIONS},
    "norm": np.linalg.norm,
    "sum over an axis": lambda x: np.sum(x, axis=0),
    "mean over an axis": lambda x: np.mean(x, axis=1, keepdims=True),
    "std of a sample": lambda x: np.std(x, axis=0, ddof=1),
    "var of a sample": lambda x: np.var(x, ddof=1.0),
    "clip": lambda x: np.clip(x, 0, 1.5),
    "where": lambda x: np.where(x > 0.6, x, 2.0),
    "reshape": lambda x: np.reshape(x, (-1,)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 2)),
    "concatenate": lambda x: np.concatenate([x, x]),
    "stack": lambda x: np.stack([x, x]),
    "index": lambda x: x[[0, 0], ::2],
    "take": lambda x: np.take(x, [0, -1, 0]),
    "matmul": lambda x: x @ x,
    "dot": lambda x: np.dot(x, x),
    "inner": lambda x: np.inner(x, x),
    "outer": lambda x: np.outer(x, x),
    "tensordot": lambda x: np.tensordot(x, x),
    "einsum": lambda x: np.einsum("ij,ik,ll->jk", x, x, x),
    "numbers": lambda x: 2 * x**3 / 3 - 1.5 + True - 0.5**x + (1 + x) % 3 + 1 / x,
}


def of_samples(f):
    """A row of LOCAL as a function of one matrix."""
    return lambda x: f(*(x,) * len(LOCAL[f]))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("f", [*ELEMENTWISE, *OF_A_MATRIX], ids=lambda f: getattr(f, "__name__", f))
def test_narrow_floats_stay_narrow(f, dtype):
    """In every mode and to the second order; a Python number, an inner constant or a count would widen them."""
    function = OF_A_MATRIX[f] if isinstance(f, str) else of_samples(f)
    x = np.linspace(0.5, 0.8, 4, dtype=dtype).reshape(2, 2) + (f is np.arccosh)
    wide = np.float64 if f is np.float_power else dtype  # NumPy's own choice
    t = Tensor(x)
    y = function(t)
    y.backward(np.ones(y.shape), create_graph=True)
    assert (y.dtype, t.grad.dtype) == (wide, dtype)
    assert np.isfinite(t.grad.data).all()
    if t.grad.requires_grad:
        first, t.grad = t.grad, None
        first.backward(np.ones(x.shape))
        assert t.grad.dtype == dtype
    value, tangent = jvp(function, (x,), (np.ones(x.shape),))
    assert (value.dtype, tangent.dtype) == (wide, wide)


def test_a_branch_that_is_not_taken_gives_exactly_0():
    x = Tensor(X)
    np.where(x > 0, x * x, np.exp(x) * 1e300).sum().backward()
    assert x.grad.tolist() == [np.exp(-1.0) * 1e300, 1e300, 8.0]
    a, b = Tensor([np.nan, np.inf, 1.0]), Tensor([1.0, 2.0, np.nan])
    np.where([False, False, True], a, b).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([0, 0, 1], [1, 1, 0])


@pytest.mark.parametrize("f", [np.log, np.sqrt, np.reciprocal, lambda x: x**-0.5], ids=["log", "sqrt", "1/x", "power"])
def test_the_where_trap_and_its_remedy(f):
    """The branch not taken receives g = 0, and 0·∞ is nan: it must not be computed where its derivative is infinite."""
    x = Tensor([0.0, 4.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        np.where(x > 0, f(x), 0.0).sum().backward()
    assert np.isnan(x.grad[0])
    x.zero_grad()
    safe = np.where(x > 0, x, 1.0)
    y = np.where(x > 0, f(safe), 0.0)
    y.sum().backward()
    assert x.grad[0] == 0
    np.testing.assert_allclose(x.grad[1], grad(f)(4.0))
    second = hessian(lambda x: np.where(x > 0, f(np.where(x > 0, x, 1.0)), 0.0).sum())(np.array([0.0, 4.0]))
    np.testing.assert_allclose(second, np.diag([0.0, grad(grad(f))(4.0)]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0),
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: np.maximum(x, 0.0) ** 2,
        lambda x: x[x > 0],
        lambda x: np.log(x[x.data > 0]),
        lambda x: np.sqrt(np.clip(x, 0.25, None)),
        tinygrad_sig.elu,
        tinygrad_sig.softplus,
        tinygrad_sig.gelu,
        tinygrad_sig.silu,
        tinygrad_sig.log_sigmoid,
        tinygrad_sig.leaky_relu,
    ],
)
def test_no_masked_branch_leaks_nan(f):
    """Warnings are errors here, so that what overflows unseen is found as well."""
    for values in (X, [-800.0, 0.0, 800.0]):
        gradient = grad(lambda x: np.sum(f(x)))
        assert np.isfinite(gradient(np.array(values))).all()
        assert np.isfinite(hessian(lambda x: np.sum(f(x)))(np.array(values))).all()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(tinygrad_sig.softmax(x) * [1.0, 2.0, 3.0]),
        lambda x: np.sum(tinygrad_sig.log_softmax(x)[:2] * [1.0, 2.0]),
        tinygrad_sig.logsumexp,
    ],
    ids=["softmax", "log_softmax", "logsumexp"],
)
def test_a_logit_masked_by_minus_infinity_leaks_no_nan(f):
    """As the masks of attention do."""
    x = Tensor([0.0, 1.0, 5.0])
    f(np.where([True, True, False], x, -np.inf)).backward()
    assert np.isfinite(x.grad).all()
    assert (x.grad[0] != 0, x.grad[2]) == (True, 0)


def graph(depth):
    y = x = Tensor(1.0, name="x")
    for _ in range(depth):
        y = -y
    return x, y


@pytest.mark.parametrize(
    "act", [copy.copy, copy.deepcopy, pickle.dumps, lambda y: copy.deepcopy({"a": [y]}), lambda y: pickle.dumps((y, y))]
)
def test_a_computed_tensor_is_not_copied_however_deep_its_graph(act):
    """A copy by recursion would overflow the stack, and a copy of the value alone would lose the graph unseen."""
    _, y = graph(100_000)
    with pytest.raises(TypeError, match=r"^copy: a Tensor of shape \(\) was computed by negative; copy the leaves, or"):
        act(y)


def test_what_a_deep_graph_leaves_behind_is_copied():
    x, y = graph(100_000)
    y.backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (other.item(), other.name, other.grad, other.requires_grad) == (1.0, "x", 1.0, True)
        (other * 2).backward()
        assert (other.grad, x.grad) == (3.0, 1.0)
    constant = pickle.loads(pickle.dumps(y.detach()))
    assert (constant.item(), constant.requires_grad) == (1.0, False)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_leaves_keep_dtype_and_stay_read_only(protocol):
    for values in (np.float32(2), np.ones((2, 0), np.float16), np.longdouble([1, 2]), np.eye(2)):
        leaf = pickle.loads(pickle.dumps(Tensor(values, requires_grad=False), protocol))
        assert (leaf.dtype, leaf.shape, leaf.requires_grad) == (values.dtype, values.shape, False)
        assert not leaf.data.flags.writeable


def test_threads_with_and_without_a_graph_do_not_disturb_each_other():
    """Each has numbers of its own; those under no_grad get constants, and grad works there as everywhere."""
    barrier, results = threading.Barrier(8), {}

    def work(k):
        barrier.wait(10)
        found = []
        for step in range(60):
            w = np.linspace(0.1, 1.0, 6).reshape(2, 3) * (k + 1)
            if k % 2:
                with no_grad():
                    y = sigmoid(Tensor(w) * step).sum()
                    found.append((y.requires_grad, y.inputs, grad(lambda x: np.sum(x * x))(w).tolist()))
            else:
                t = Tensor(w)
                sigmoid(t * step).sum().backward()
                slope = sigmoid(w * step) * sigmoid(-w * step) * step
                found.append(np.allclose(t.grad, slope, rtol=1e-12) and (t * 2).requires_grad)
                found.append(np.allclose(hessian(lambda x: np.sum(x**3))(w[0]), np.diag(6 * w[0])))
                found.append(np.allclose(jvp(np.sin, (w,), (w,))[1], np.cos(w) * w))
        results[k] = found

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, found in results.items():
        w = np.linspace(0.1, 1.0, 6).reshape(2, 3) * (k + 1)
        assert found == ([(False, (), (2 * w).tolist())] * 60 if k % 2 else [True] * 180)
    assert len(results) == 8


def loss(x):
    h = sigmoid(np.reshape(x, (2, 2)) @ np.ones((2, 2)) + x[:2])
    parts = np.concatenate([np.where(h > 0.5, h, h * h).sum(0), np.maximum(h, 0.2).mean(1), np.einsum("ij->j", h)])
    return tinygrad_sig.logsumexp(parts) + np.std(h) + np.prod(h) + np.max(h)


def by_backward(x):
    t = Tensor(x)
    loss(t).backward()
    return t.grad


def shown(x):
    steps = trace(loss(Tensor(x)))
    return str(steps), steps.to_dict(), [step.formula for step in steps]


def failing(x):
    t = Tensor(x)
    with pytest.raises(ValueError, match="do not fit"):
        loss(t) + t[:3] + t


WAYS = {
    "backward": by_backward,
    "trace": shown,
    "grad": grad(loss),
    "grad of grad": grad(lambda x: np.sum(grad(loss)(x) ** 2)),
    "jacobian": jacobian(lambda x: sigmoid(x) * x),
    "hessian": hessian(loss),
    "jvp": lambda x: jvp(loss, (x,), (x,)),
    "jvp of grad": lambda x: jvp(grad(loss), (x,), (x,)),
    "vjp": lambda x: tinygrad_sig.vjp(loss, x)[1](1.0),
    "no_grad": no_grad()(loss),
    "an error": failing,
}


def alive():
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize("name", WAYS)
def test_dropped_graphs_are_freed_without_the_collector(name):
    """No node may hold, through whatever, what was computed from it."""
    x = np.array([0.3, -0.2, 0.5, 0.1])
    WAYS[name](x)  # what is cached, is cached now
    gc.collect()
    gc.disable()
    try:
        before = alive()
        result = WAYS[name](x)
        del result
        assert alive() == before
    finally:
        gc.enable()


def test_a_gradient_with_a_graph_in_a_tensors_grad_is_left_to_the_collector():
    """It leads back to the tensor that holds it, as in PyTorch; the functions of functions make no such cycle."""
    gc.collect()
    before = alive()
    t = Tensor([0.3, -0.2, 0.5, 0.1])
    loss(t).backward(create_graph=True)
    assert t.grad.inputs
    t.zero_grad()
    gc.collect()
    assert alive() == before + 1


@pytest.mark.slow
def test_ten_thousand_training_steps_do_not_grow():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    w, v = Tensor(rng.normal(size=(3, 4))), Tensor(rng.normal(size=(4, 1)))

    def step():
        error = ((sigmoid(x @ w) @ v - target) ** 2).mean()
        w.zero_grad()
        v.zero_grad()
        error.backward()
        w.data, v.data = w.data - 0.1 * w.grad, v.data - 0.1 * v.grad
        return error.item()

    first = step()
    gc.disable()
    try:
        for _ in range(1_000):
            step()
        tracemalloc.start()
        for _ in range(10):
            step()
        size, _ = tracemalloc.get_traced_memory()
        for _ in range(8_990):
            last = step()
        grown = tracemalloc.get_traced_memory()[0] - size
    finally:
        tracemalloc.stop()
        gc.enable()
    assert last < first
    assert grown < 10_000, f"{grown} bytes in 9,000 steps"


def test_a_graph_can_be_freed_without_recursion():
    """As in a browser, whose stack is small: here `release` is called for every node that is freed."""
    code = """
import gc, sys, threading
from tinygrad_sig import Tensor
from tinygrad_sig.engine.lanes import release

depth, deepest = 0, 0
def counting(tensor):
    global depth, deepest
    depth += 1
    deepest = max(deepest, depth)
    release(tensor)
    depth -= 1

Tensor.__del__ = counting
gc.disable()
x = Tensor(0.5)
for kind in range(3):
    y = kept = x
    for i in range(5000):
        y = (y.sin(), y + y, y * x - y)[kind]
        kept = y if i == 2500 else kept
    del y
    kept.backward()
    assert kept.inputs and x.grad is not None
    del kept
    assert deepest < 10, deepest
assert sum(type(o) is Tensor for o in gc.get_objects()) <= 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
