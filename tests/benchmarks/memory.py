"""The memory that a chain of 100,000 takes: resident bytes a layer, each engine in a fresh process of its own.

`python tests/benchmarks/memory.py PyTorch` is that process. It reads /proc, so this is measured on Linux only. The peak
is the kernel's VmHWM, because a child's getrusage counts what the process that started it held, too.
"""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import jobs

STATM, STATUS = Path("/proc/self/statm"), Path("/proc/self/status")


def of(job: str, engine: str) -> dict[str, int]:
    """Bytes a layer above the start, after forward, after backward and at most; nothing where it is not measured."""
    if engine not in jobs.MEASURED.get(job, ()) or not STATM.exists():
        return {}
    return json.loads(subprocess.run([sys.executable, __file__, engine], check=True, stdout=subprocess.PIPE).stdout)


def resident() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")) * 1024


def measure(engine: jobs.Engine) -> dict[str, int]:
    # What is loaded or allocated once, on first use, is no cost of a layer.
    jobs.grow(engine, 100)[0].backward()
    gc.collect()
    start = resident()
    y, leaves = jobs.grow(engine)
    forward = resident()
    y.backward()
    sizes = {"after forward": forward, "after backward": resident(), "at most": peak()}
    assert leaves[0].grad is not None
    return {moment: round((size - start) / jobs.LAYERS) for moment, size in sizes.items()}


if __name__ == "__main__":
    print(json.dumps(measure(jobs.ENGINES[sys.argv[1]]())))
