"""Whether a graph is recorded: `no_grad`, for a block of code or for a function, generator or coroutine.

A switch belongs to the block that turned it. While a generator that stands inside `with no_grad():` is suspended, its
block is not being run, and whoever took the value goes on recording; so a switch that was turned in a generator counts
only while that generator is among the callers. Each thread has switches of its own.
"""

import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any

ENTERING = ("__enter__", "__exit__", "__aenter__", "__aexit__")
SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

# What was turned and not turned back: (the block, recording or not, the generator that it stands in or None).
turned: ContextVar[tuple[tuple[Any, bool, FrameType | None], ...]] = ContextVar("turned", default=())
switches = turned.get
open_blocks: list[Any] = []  # The blocks of all threads: while there is none, nobody need look further.

# While a function is being differentiated, a list of the Tensors whose plain value was read, and so lost.
readers: list[list[Any]] = []


def recording() -> bool:
    """Whether nodes remember what they were computed from: by the latest switch that counts."""
    return next((on for _, on, frame in reversed(switches()) if frame is None or runs(frame)), True)


def runs(frame: FrameType) -> bool:
    """Whether a frame is among the callers."""
    caller: FrameType | None = sys._getframe(1)
    while caller and caller is not frame:
        caller = caller.f_back
    return caller is frame


def of_contextlib(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals.get("__name__") == "contextlib"


def suspendable(frame: FrameType | None) -> FrameType | None:
    """The frame of a generator or coroutine in which a block stands; of a context manager's, the frame of its user."""
    while frame and (frame.f_code.co_name in ENTERING or of_contextlib(frame) or of_contextlib(frame.f_back)):
        frame = frame.f_back
    return frame if frame and frame.f_code.co_flags & SUSPENDS else None


class recorded:
    """Record what is computed inside, or not. As a decorator it is for each run of what it decorates."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __enter__(self) -> None:
        turned.set((*switches(), (self, self.on, suspendable(sys._getframe(1)))))
        open_blocks.append(self)

    def __exit__(self, *error: object) -> None:
        found = [switch for switch in switches() if switch[0] is self]
        own = [switch for switch in found if switch[2] is suspendable(sys._getframe(1))] or found
        if own:  # By identity: two generators may end in any order.
            turned.set(tuple(switch for switch in switches() if switch is not own[-1]))
        open_blocks.remove(self)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **params: Any) -> Any:
            with self:
                return function(*args, **params)

        def run_generator(*args: Any, **params: Any) -> Any:
            with self:
                return (yield from function(*args, **params))

        async def run_coroutine(*args: Any, **params: Any) -> Any:
            with self:
                return await function(*args, **params)

        async def run_async_generator(*args: Any, **params: Any) -> Any:
            with self:
                async for value in function(*args, **params):
                    yield value

        if inspect.isasyncgenfunction(function):
            return wraps(function)(run_async_generator)
        if inspect.iscoroutinefunction(function):
            return wraps(function)(run_coroutine)
        return wraps(function)(run_generator if inspect.isgeneratorfunction(function) else run)


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Compute without recording: results inside are constants. Also a decorator; other threads go on recording.

    In a generator it holds while the generator runs, and not for its caller between two values.

    >>> from tinygrad_sig import Tensor
    >>> with no_grad():
    ...     y = Tensor(2.0) * 3
    >>> y.requires_grad
    False
    """
    return recorded(False)(function) if function else recorded(False)
