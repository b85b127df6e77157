"""no_grad: it holds for the block that it stands in, whoever runs meanwhile."""

import asyncio
from contextlib import ExitStack, contextmanager
from threading import Thread

import numpy as np
import pytest

from tinygrad_sig import Tensor, no_grad
from tinygrad_sig.engine.recording import open_blocks, recording, switches


@pytest.fixture(autouse=True)
def _nothing_stays_turned():
    yield
    assert recording()
    assert not switches()
    assert not open_blocks


def quietly(x):
    with no_grad():
        yield x * 2
        yield x * 3


def test_a_suspended_generator_does_not_keep_its_caller_from_recording():
    x, b = Tensor(1.0), Tensor(2.0)
    values = quietly(x)
    assert not next(values).requires_grad
    y = b * x
    assert y.requires_grad
    y.backward()
    assert (x.grad, b.grad) == (2.0, 1.0)
    assert not next(values).requires_grad
    assert list(values) == []


def test_interleaved_generators_end_in_any_order():
    x = Tensor(1.0)
    first, second = quietly(x), quietly(x)
    assert [next(g).requires_grad for g in (first, second, first, second)] == [False] * 4
    assert (2 * x).requires_grad
    list(first)
    assert (2 * x).requires_grad
    list(second)
    assert (2 * x).requires_grad


def test_a_generator_that_is_thrown_away_leaves_no_switch():
    values = quietly(Tensor(1.0))
    next(values)
    del values


def test_a_decorated_generator_runs_without_recording_and_its_caller_with_it():
    @no_grad()
    def doubled(x):
        got = yield x * 2
        yield got * x

    x = Tensor(1.0)
    values = doubled(x)
    assert not next(values).requires_grad
    assert (x * 2).requires_grad
    assert not values.send(x).requires_grad
    values.close()


def test_decorated_coroutines_and_asynchronous_generators():
    x = Tensor(1.0)

    @no_grad()
    async def doubled():
        before = x * 2
        await asyncio.sleep(0)
        return before.requires_grad, (x * 2).requires_grad

    @no_grad()
    async def many():
        for _ in range(2):
            yield (x * 2).requires_grad
            await asyncio.sleep(0)

    async def run():
        task = asyncio.create_task(doubled())
        await asyncio.sleep(0)
        assert (x * 2).requires_grad
        assert await task == await doubled() == (False, False)
        async for recorded in many():
            assert not recorded
            assert (x * 2).requires_grad

    asyncio.run(run())


def test_one_no_grad_may_be_entered_twice():
    block = no_grad()
    with block:
        with block:
            assert not (Tensor(1.0) * 2).requires_grad
        assert not (Tensor(1.0) * 2).requires_grad
    assert (Tensor(1.0) * 2).requires_grad


def test_a_context_manager_written_as_a_generator_holds_for_its_user():
    @contextmanager
    def evaluating():
        with no_grad():
            yield

    def values(x):
        with evaluating():
            yield x * 2

    with evaluating():
        assert not (Tensor(1.0) * 2).requires_grad
    with ExitStack() as stack:
        stack.enter_context(no_grad())
        stack.enter_context(evaluating())
        assert not (Tensor(1.0) * 2).requires_grad
    x = Tensor(1.0)
    running = values(x)
    assert not next(running).requires_grad
    assert (x * 2).requires_grad
    running.close()


def test_threads_have_switches_of_their_own():
    seen = []
    with no_grad():
        thread = Thread(target=lambda: seen.append((Tensor(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_an_exception_turns_the_switch_back():
    with pytest.raises(KeyError), no_grad():
        raise KeyError


def test_augmenting_a_leaf_under_no_grad_gives_it_new_data_and_it_stays_a_leaf():
    w = Tensor([1.0, 2.0], name="w")
    same = w
    (w * w).sum().backward()
    with no_grad():
        w -= 0.1 * w.grad
        w *= 2
        w += 1
        w /= 2
    assert w is same
    assert not w.inputs
    assert w.requires_grad
    np.testing.assert_allclose(w.data, [1.3, 2.1])


def test_augmenting_outside_makes_a_node_and_leaves_the_leaf_alone():
    w = same = Tensor([1.0, 2.0])
    w += 1
    assert w is not same
    assert w.op == "add"
    assert same.data.tolist() == [1.0, 2.0]


def test_a_graph_keeps_the_values_that_it_was_built_with_when_a_leaf_is_augmented():
    w, x = Tensor(2.0), Tensor(3.0)
    y = w * x
    with no_grad():
        w += 5
    y.backward()
    assert x.grad == 2.0


def test_backward_from_what_was_computed_under_no_grad_says_so():
    x = Tensor([1.0, 2.0])
    with no_grad():
        y = (x * 2).sum()
    for z in (y, y + 1):
        with pytest.raises(ValueError, match="was computed under no_grad; compute it outside of that"):
            z.backward()


def test_every_augmented_operator_gives_a_leaf_new_data_under_no_grad():
    """w **= 2 once made it a constant, unseen."""
    w, m = Tensor(2.0), Tensor(np.eye(2))
    with no_grad():
        w **= 3
        w %= 5
        m @= np.full((2, 2), 2.0)
    assert all(leaf.requires_grad and not leaf.inputs for leaf in (w, m))
    assert w.item() == 3.0
    np.testing.assert_array_equal(m.data, np.full((2, 2), 2.0))


class Entered:
    """A context manager of somebody's, that enters no_grad in its own __enter__."""

    def __enter__(self):
        self.block = no_grad()
        self.block.__enter__()

    def __exit__(self, *error):
        self.block.__exit__(*error)


def by_exit_stack():
    with ExitStack() as stack:
        stack.enter_context(no_grad())
        yield Tensor(1.0) * 2


def by_a_class():
    with Entered():
        yield Tensor(1.0) * 2


@pytest.mark.parametrize("rows", [by_exit_stack, by_a_class])
def test_what_enters_no_grad_for_a_generator_does_not_reach_its_caller(rows):
    for inside in rows():
        assert not inside.requires_grad
        assert (Tensor(3.0) * 2).requires_grad


def test_what_enters_no_grad_for_its_caller_holds_until_it_leaves():
    with Entered():
        assert not (Tensor(3.0) * 2).requires_grad
    assert (Tensor(3.0) * 2).requires_grad


def test_no_grad_decorates_without_brackets_too():
    @no_grad
    def double(x):
        return x * 2

    assert not double(Tensor(2.0)).requires_grad
