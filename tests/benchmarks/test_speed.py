"""Every job with every engine that is installed. Nothing is asserted of the times, only of the gradients."""

import jobs
import memory
import pytest
from ratios import Row, calibrated

pytest.importorskip("pytest_benchmark", reason="pip install pytest-benchmark")


@pytest.mark.parametrize(("job", "engine"), [(job, engine) for job, row in jobs.JOBS.items() for engine in row])
def test_speed(job, engine, benchmark, rows):
    if package := jobs.PACKAGES.get(engine):
        pytest.importorskip(package, reason=f"pip install {package}")
    run = jobs.JOBS[job][engine]()
    jobs.check(job, run)
    benchmark.group = job
    if taken := memory.of(job, engine):
        benchmark.extra_info["bytes a layer"] = taken
    if job in jobs.PER_LAYER:
        benchmark.extra_info["layers"] = jobs.PER_LAYER[job]
        benchmark.pedantic(run, rounds=3)
    else:
        benchmark.pedantic(run, rounds=200, iterations=calibrated(run))
    if benchmark.stats:  # None with --benchmark-disable
        stats = benchmark.stats.stats
        rows.setdefault(job, []).append(Row(engine, stats.median, stats.min, taken))
