"""The walk: reuse, depth, order, lifetime; each test is named after the bug that it stands against."""

import gc
import re
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_sig import Tensor, no_grad, sigmoid
from tinygrad_sig.engine.backward import topological_order, walk

ONE = Tensor(1.0, requires_grad=False)


def tensors_alive():
    return sum(type(thing) is Tensor for thing in gc.get_objects())


def test_reuse():
    x = Tensor(3.0)
    y = x * x + 2 * x
    (y * x + y).backward()
    assert x.grad == 3 * 9 + 4 * 3 + 2 * 3 + 2


def test_two_edges_of_a_plus_a():
    a = Tensor(1.0)
    y = a + a
    y.backward()
    assert y.inputs == (a, a)
    assert a.grad == 2


def test_diamond():
    """A walk that goes on at each of the two edges c → b makes it 6."""
    a = Tensor(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (4, 2, 1)


def test_a_node_reached_by_a_short_and_a_long_path_waits_for_both():
    a = Tensor(2.0)
    b = a * a
    c = b * 3
    (c * c * b + b).backward()
    assert a.grad == 9 * 6 * 2.0**5 + 2 * 2.0


def test_sixty_doublings():
    """A walk over paths, of which there are 2⁶⁰, does not come back."""
    a = x = Tensor(1.0)
    for _ in range(60):
        a = a + a
    a.backward()
    assert x.grad == 2.0**60
    assert len(topological_order(a)) == 60


@pytest.mark.slow
def test_a_million_nodes_deep():
    """Neither the forward pass, nor the backward pass, nor the letting go of the graph may recurse."""
    gc.collect()
    before = tensors_alive()
    a = x = Tensor(1.0)
    for _ in range(1_000_000):
        a = -a
    a.backward()
    assert (a.data, x.grad) == (1, 1)
    del a
    assert tensors_alive() == before + 1


def test_a_leaf_is_its_own_gradient():
    x = Tensor([2.0, 3.0])
    x.backward([5.0, 7.0])
    assert x.grad.tolist() == [5.0, 7.0]
    assert walk(x, np.ones(2)).keys() == {x}


@st.composite
def graphs(draw):
    """Random graphs of sums, as pairs of positions: node k adds up two of the nodes 0 … k − 1, and node 0 is a leaf."""
    size = draw(st.integers(1, 30))
    return [draw(st.tuples(*[st.integers(0, k)] * 2)) for k in range(size)]


@given(graphs())
def test_topological_order_puts_every_node_before_its_inputs(pairs):
    nodes = [Tensor(1.0)]
    for i, j in pairs:
        nodes.append(nodes[i] + nodes[j])
    order = topological_order(nodes[-1])
    place = {node: k for k, node in enumerate(order)}
    assert order[0] is nodes[-1]
    assert len(place) == len(order), "a node is visited twice"
    for node in order:
        assert node.inputs
        assert all(place[node] < place[input] for input in node.inputs if input.inputs)
    reached = {len(nodes) - 1}
    for k in range(len(nodes) - 1, 0, -1):
        reached |= set(pairs[k - 1]) if k in reached else set()
    assert place.keys() == {nodes[k] for k in reached if k}


@given(graphs())
def test_a_gradient_is_the_sum_over_all_paths(pairs):
    nodes, paths = [Tensor(1.0)], [0] * len(pairs) + [1]
    for i, j in pairs:
        nodes.append(nodes[i] + nodes[j])
    for k in range(len(pairs), 0, -1):
        for i in pairs[k - 1]:
            paths[i] += paths[k]
    nodes[-1].backward()
    assert [node.grad or 0 for node in nodes] == paths


def test_double_backward_doubles_leaves_only():
    x = Tensor(2.0)
    h = x * x
    y = h * h
    for times in (1, 2, 3):
        y.backward()
        assert (x.grad, h.grad, y.grad) == (times * 32, 8, 1)
    x.zero_grad()
    assert x.grad is None
    y.backward()
    assert x.grad == 32


def test_gradients_of_nodes_are_filled():
    x = Tensor([1.0, 2.0])
    h = x * x
    y = h.sum()
    assert (x.grad, h.grad, y.grad) == (None, None, None)
    y.backward()
    assert (x.grad.tolist(), h.grad.tolist(), y.grad) == ([2, 4], [1, 1], 1)
    (h * 10).sum().backward()
    assert (x.grad.tolist(), h.grad.tolist(), y.grad) == ([22, 44], [10, 10], 1)


def test_what_is_not_reached_has_no_gradient():
    x, other, constant = Tensor(1.0), Tensor(1.0), Tensor(2.0, requires_grad=False)
    (x * constant + other.detach()).backward()
    assert (x.grad, other.grad, constant.grad) == (2, None, None)


def test_a_node_made_constant_after_the_forward_pass_passes_nothing_on():
    x = Tensor(2.0)
    h = x * 2
    y = h * 3 + x
    h.requires_grad = False
    y.backward()
    assert (x.grad, h.grad) == (1, None)


def test_a_result_with_a_gradient_of_its_own_changes_nothing_in_the_walk():
    x = Tensor(2.0)
    y = x * x
    y.grad = x.grad = np.float64(100)
    y.backward()
    assert (x.grad, y.grad) == (104, 1)


@pytest.mark.parametrize(
    "upstream", [[1, 10], (1.0, 10.0), np.array([1, 10]), Tensor([1.0, 10.0]), np.float32([1, 10])]
)
def test_upstream_is_anything_that_has_the_shape(upstream):
    x = Tensor([1.0, 2.0])
    (x * x).backward(upstream)
    assert x.grad.tolist() == [2.0, 40.0]
    assert x.grad.dtype == np.float64


def test_upstream_is_copied():
    upstream = np.ones(2)
    x = Tensor([1.0, 2.0])
    y = +x
    y.backward(upstream)
    upstream[:] = 100
    assert (x.grad.tolist(), y.grad.tolist()) == ([1, 1], [1, 1])
    assert upstream.flags.writeable


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_upstream_of_one_element_may_be_left_out(shape):
    x = Tensor(np.full(shape, 3.0))
    (x * x).backward()
    np.testing.assert_array_equal(x.grad, np.full(shape, 6.0))
    assert x.grad.shape == shape


@pytest.mark.parametrize(
    "mutate",
    [lambda array, x: array.fill(100), lambda array, x: setattr(x, "data", [100.0, 100.0])],
    ids=["the constant", "the parameter"],
)
@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: x * c,
        lambda x, c: c * x,
        lambda x, c: c - x * np.multiply(c, x),
        lambda x, c: x @ c * x,
        lambda x, c: np.where(c > 2, x * x, np.exp(x)),
        lambda x, c: np.maximum(x, c) / c,
    ],
)
def test_mutation_between_forward_and_backward(f, mutate):
    """The gradient belongs to the forward pass that was run."""
    gradients = []
    for act in (lambda array, x: None, mutate):
        array, x = np.array([3.0, 2.0]), Tensor([1.5, 2.5])
        y = f(x, array).sum()
        act(array, x)
        y.backward()
        gradients.append(x.grad)
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize(
    "wrap", [lambda i: i, lambda i: (i,), lambda i: (Ellipsis, i)], ids=["bare", "tuple", "nested"]
)
def test_mutation_of_an_index_between_forward_and_backward(wrap):
    for index, after in ((np.array([0, 2]), 1), (np.array([True, False, True]), False)):
        x = Tensor([1.0, 2.0, 3.0])
        y = x[wrap(index)] ** 2
        index[:] = after
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 0.0, 6.0]
    axes = [1, 0]
    x = Tensor([[1.0, 2.0]])
    y = np.transpose(x, axes)
    axes[:] = [0, 1]
    y.backward([[3.0], [4.0]])
    assert x.grad.tolist() == [[3.0, 4.0]]


def test_mutation_of_the_source_of_a_tensor():
    source = np.array([1.0, 2.0])
    x = Tensor(source)
    source[:] = 100
    assert x.data.tolist() == [1.0, 2.0]
    assert source.flags.writeable


def every_array():
    x = Tensor([[1.0, 2.0]])
    y = np.reshape(x.T * np.ones(2), (4,))
    y.sum().backward()
    z = y[1:]
    rebound = Tensor([1.0])
    rebound.data = [2.0]
    everything = {"leaf": x, "node": y, "view": z, "detached": y.detach(), "constant": y.inputs[0], "rebound": rebound}
    arrays = {f"{name}.data": tensor.data for name, tensor in everything.items()}
    return arrays | {"leaf.grad": x.grad, "node.grad": y.grad}


@pytest.mark.parametrize("name", every_array())
def test_mutation_in_place_is_refused(name):
    with pytest.raises(ValueError, match="read-only"):
        every_array()[name][...] = 5.0


def test_mutation_of_a_copy_is_free():
    x = Tensor([1.0, 2.0])
    copy = x.numpy()
    copy[:] = 5
    assert x.data.tolist() == [1.0, 2.0]


def test_rebinding_a_leaf_starts_a_new_pass():
    w = Tensor(np.float32(3.0))
    old = w * w
    w.data = 5
    old.backward()
    assert w.grad == 6
    w.zero_grad()
    (w * w).backward()
    assert w.grad == 10
    assert w.data.dtype == w.grad.dtype == np.float32


def test_a_second_derivative_across_a_rebinding_is_refused():
    """A graph of gradients is built from today's values, and they are no longer those of the forward pass."""
    w = Tensor(3.0, name="w")
    y = w * w * w
    w.data = 5.0
    with pytest.raises(ValueError, match=re.escape("multiply: a Tensor of shape () named 'w' was given new data")):
        walk(y, ONE, create_graph=True)


def test_walk_leaves_no_trace_in_the_tensors():
    x = Tensor(2.0)
    y = x * x
    gradients = walk(y, np.float64(1))
    assert list(gradients) == [y, x]
    assert (x.grad, y.grad) == (None, None)


def test_create_graph_gives_tensors_that_can_be_differentiated():
    x = Tensor([0.5, 2.0])
    y = (x**3).sum()
    first = walk(y, ONE, create_graph=True)[x]
    assert isinstance(first, Tensor)
    second = walk(first.sum(), ONE, create_graph=True)[x]
    np.testing.assert_allclose(first.data, 3 * x.data**2)
    np.testing.assert_allclose(second.data, 6 * x.data)


def test_record_is_told_of_every_edge_once_and_in_order():
    a, b = Tensor(2.0), Tensor(3.0)
    c = a * b
    d = c + c
    y = d.sum()
    edges = []
    gradients = walk(y, np.float64(1), record=lambda *edge: edges.append(edge))
    assert [(node, position) for node, position, *_ in edges] == [(y, 0), (d, 0), (d, 1), (c, 0), (c, 1)]
    assert [edge[2:] for edge in edges] == [(1, None, 1), (1, 1, 1), (1, 1, 1), (2, 3, 6), (2, 2, 4)]
    for tensor in (a, b, c, d):
        delivered = [downstream for node, position, _, _, downstream in edges if node.inputs[position] is tensor]
        assert gradients[tensor] == sum(delivered)


def test_record_is_not_told_of_constants():
    x, edges = Tensor(2.0), []
    walk(x * 3 + Tensor(1.0, requires_grad=False), np.float64(1), record=lambda *edge: edges.append(edge))
    assert len(edges) == 2


def test_freed_by_reference_counting():
    """A cycle would keep every graph alive until the garbage collector comes by."""

    def train():
        w = Tensor(np.ones((3, 3)))
        y = sigmoid(w @ np.ones(3) + w[0]).sum()
        y.backward()
        first = walk(y, ONE, create_graph=True)[w]
        (first * first).sum().backward()
        del y, first
        return tensors_alive()

    gc.collect()
    gc.disable()
    try:
        before = tensors_alive()
        assert train() == before + 1
        assert tensors_alive() == before
    finally:
        gc.enable()


FLOATS = (np.float16, np.float32, np.float64, np.longdouble)


@pytest.mark.parametrize("a", FLOATS)
@pytest.mark.parametrize("b", FLOATS)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_mixed_dtypes(a, b, shape):
    """NumPy promotes the result; each gradient comes back in the dtype of its own tensor."""
    x, y = Tensor(np.full(shape, 2, a)), Tensor(np.full(shape, 3, b))
    z = x * y + y / x
    z.backward(np.ones(shape))
    assert z.dtype == z.grad.dtype == np.result_type(a, b)
    assert (x.grad.dtype, y.grad.dtype) == (a, b)
    np.testing.assert_array_equal(x.grad, np.full(shape, 3 - 3 / 4))
    np.testing.assert_array_equal(y.grad, np.full(shape, 2 + 1 / 2))


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_mixed_dtypes_python_numbers_promote_nothing(dtype, shape):
    x = Tensor(np.full(shape, 0.5, dtype))
    y = 2 * x**2 + 1.5 - x / 3 + 2.0**x - True + np.maximum(x, 0.25) * np.where(x > 0, x, 0.0)
    y = y.sigmoid().relu().mean() + x.exp().tanh().sum()
    y.backward()
    assert (y.dtype, x.grad.dtype) == (dtype, dtype)
    assert walk(walk(y, Tensor(dtype(1)), create_graph=True)[x].sum(), dtype(1))[x].dtype == dtype


def test_mixed_dtypes_strong_numbers_promote_as_in_numpy():
    x = Tensor(np.float32([1, 2]))
    for other in (np.float64(2), np.ones(2), np.int64([1, 2]), [1.0, 2.0], np.longdouble(2)):
        y = x * other
        assert y.dtype == (np.float32([1, 2]) * np.asarray(other)[()]).dtype
        y.sum().backward()
        assert x.grad.dtype == np.float32


def test_mixed_dtypes_do_not_overflow_in_the_narrower_one():
    """1/b is 10⁶, and infinite in the float16 of b; but it is the float64 a that it belongs to."""
    a, b = Tensor(1.0), Tensor(np.float16(1e-6))
    with np.errstate(over="ignore"):
        (a / b).backward()
    np.testing.assert_allclose(a.grad, 1 / float(b.data))


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_mean_is_differentiated_as_exactly_as_its_dtype_allows(dtype):
    x = Tensor(np.ones(3, dtype))
    x.mean().backward()
    np.testing.assert_allclose(x.grad, np.ones(3, dtype) / 3, rtol=np.finfo(dtype).eps)


def test_a_mean_of_more_elements_than_float16_counts():
    x = Tensor(np.ones(70_000, np.float16))
    x.mean().backward()
    np.testing.assert_array_equal(x.grad, np.full(70_000, 1 / 70_000, np.float16))


def test_no_grad():
    x = Tensor(2.0)
    with no_grad():
        y = x * x
        with no_grad():
            pass
        assert not (x + 1).requires_grad
    assert (y.requires_grad, y.inputs, y.op) == (False, (), None)
    assert (x * x).requires_grad

    @no_grad()
    def square(t):
        return t * t

    for _ in range(2):
        assert not square(x).requires_grad
        assert (x * x).requires_grad


def test_no_grad_ends_with_an_error_inside():
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert (Tensor(1.0) + 1).requires_grad


def test_backward_runs_under_no_grad():
    x = Tensor(2.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad == 4


def test_threads_and_no_grad():
    """The switch of one thread is not the switch of another, whichever of the two came first."""
    barrier, recorded, x = threading.Barrier(2), {}, Tensor(1.0)

    def silent():
        with no_grad():
            barrier.wait(10)
            recorded["silent"] = (x + 1).requires_grad
            barrier.wait(10)

    def loud():
        barrier.wait(10)
        recorded["loud"] = (x + 1).requires_grad
        barrier.wait(10)
        recorded["after"] = (x + 1).requires_grad

    threads = [threading.Thread(target=target) for target in (silent, loud)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded == {"silent": False, "loud": True, "after": True}


def test_threads_differentiate_beside_one_another():
    def work(k):
        x = Tensor(float(k))
        a = x
        for _ in range(200):
            a = a + x
        a.backward()
        results[k] = x.grad

    results = {}
    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(8), 201)
