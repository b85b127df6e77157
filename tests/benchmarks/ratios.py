"""The same jobs in interleaved rounds: A B C A B C …, so that a busy machine is busy for all of them.

Run as `python tests/benchmarks/ratios.py`, with the names of jobs or for all of them, each in a process of its own:
how many pages an array costs depends on what was freed before. Garbage is collected as it is for a user, not switched
off: an engine whose graphs are cycles pays for that here.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, NamedTuple

import blas  # before NumPy, which the jobs import
import jobs
import memory

SECONDS, ROUNDS = 8.0, (3, 400)  # what a job may take, and its rounds at least and at most
ROUND = 0.03  # seconds: long enough that the garbage of its runs is collected within it, and that caches are warm


class Row(NamedTuple):
    """What was measured of an engine: seconds, and bytes a layer where they were."""

    engine: str
    median: float
    minimum: float
    memory: dict[str, int]


def table(job: str, rows: Iterable[Row]) -> str:
    """The plain-text table of a job. A ratio is the time of tinygrad_sig over the engine's: above 1, ours is slower."""
    rows = sorted(rows, key=lambda row: row.minimum)
    ours = next((row for row in rows if row.engine == jobs.OURS), None)
    layers = jobs.PER_LAYER.get(job, 1)
    moments = list(next((row.memory for row in rows if row.memory), ()))
    lines = [["engine", "median µs", "min µs", "ratio of medians", "of minima", *(f"bytes {m}" for m in moments)]]
    for row in rows:
        times = [f"{time / layers * 1e6:.2f}" for time in (row.median, row.minimum)]
        ratios = [f"{ours.median / row.median:.2f}", f"{ours.minimum / row.minimum:.2f}"] if ours else ["", ""]
        lines.append([row.engine, *times, *ratios, *(str(row.memory.get(moment, "")) for moment in moments)])
    name, *widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    title = f"{job}, a layer" if job in jobs.PER_LAYER else job
    text = ["  ".join([line[0].ljust(name), *map(str.rjust, line[1:], widths)]).rstrip() for line in lines]
    return "\n".join([title, *text])


def seconds(run: Callable[[], Any], times: int) -> float:
    start = perf_counter()
    for _ in range(times):
        run()
    return (perf_counter() - start) / times


def calibrated(run: Callable[[], Any], length: float = ROUND) -> int:
    """How many runs make a round."""
    return max(1, round(length / seconds(run, 1)))


def measure(job: str) -> list[Row]:
    """Every installed engine that agrees with the one by hand, in interleaved rounds."""
    runs = {}
    for engine, setup in jobs.JOBS[job].items():
        try:
            runs[engine] = setup()
        except ImportError:
            if engine not in jobs.PACKAGES:
                raise
            print(f"{engine} is left out; pip install {jobs.PACKAGES[engine]}")
            continue
        jobs.check(job, runs[engine])
    times = {engine: calibrated(run) for engine, run in runs.items()}
    found: dict[str, list[float]] = {engine: [] for engine in runs}
    start, rounds = perf_counter(), 0
    while rounds < ROUNDS[0] or (rounds < ROUNDS[1] and perf_counter() - start < SECONDS):
        for engine, run in runs.items():
            found[engine].append(seconds(run, times[engine]))
        rounds += 1
    taken = {engine: memory.of(job, engine) for engine in runs}
    return [Row(e, statistics.median(found[e]), min(found[e]), taken[e]) for e in runs]


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(f"\n{table(sys.argv[1], measure(sys.argv[1]))}", flush=True)
    else:
        print(blas.THREADS, flush=True)
        for job in sys.argv[1:] or jobs.JOBS:
            subprocess.run([sys.executable, __file__, job], check=True)
