"""Every spelling of every function: all engines agree, and how long each takes for all spellings of a kind together."""

import pytest
import spellings
from jobs import OURS

pytest.importorskip("pytest_benchmark", reason="pip install pytest-benchmark")

ENGINES = [OURS, spellings.NUMPY, spellings.PYTORCH]
ALL = {function: list(spellings.spellings(function)) for function in spellings.functions()}


@pytest.mark.parametrize("function", ALL, ids=spellings.name)
def test_all_engines_agree(function):
    for spelling in ALL[function]:
        spellings.programs(spelling)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", [spellings.FORWARD, spellings.BOTH])
@pytest.mark.parametrize("size", [spellings.SMALL, spellings.LARGE])
@pytest.mark.parametrize("kind", spellings.LIMITS)
def test_speed(kind, size, way, engine, benchmark):
    """The spellings that PyTorch has too, where it is installed, one after the other."""
    if engine == spellings.PYTORCH:
        pytest.importorskip("torch", reason="pip install torch")
    if engine == spellings.NUMPY and way == spellings.BOTH:
        pytest.skip("NumPy has no backward pass")
    chosen = [s for function in ALL for s in ALL[function] if (s.kind, s.size) == (kind, size)]
    made = [m for m in map(spellings.programs, chosen) if not spellings.torch or spellings.PYTORCH in m]
    if way == spellings.BOTH:
        made = [m for m in made if OURS in spellings.differentiable(m)]
    runs = [m[engine].run if way == spellings.FORWARD else m[engine].both for m in made]

    def run():
        for one in runs:
            one()

    benchmark.group = f"every spelling: {kind}, {size}, {way}"
    benchmark.extra_info["spellings"] = len(runs)
    benchmark.pedantic(run, rounds=20, warmup_rounds=1)
