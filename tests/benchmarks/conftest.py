"""Collects what the benchmarks measured and prints a table for each job at the end of the run."""

import blas  # before NumPy, which the jobs import
import pytest
from ratios import Row, table

ROWS = pytest.StashKey[dict[str, list[Row]]]()


@pytest.fixture(scope="session")
def rows(pytestconfig):
    """What was measured so far, by job."""
    return pytestconfig.stash.setdefault(ROWS, {})


def pytest_terminal_summary(terminalreporter, config):
    if rows := config.stash.get(ROWS, {}):
        terminalreporter.section("ratios to tinygrad_sig")
        terminalreporter.write_line(f"{blas.THREADS} On a busy machine trust `python tests/benchmarks/ratios.py` more.")
    for job, measured in rows.items():
        terminalreporter.write_line(f"\n{table(job, measured)}")
