"""One BLAS thread. To be imported before NumPy, whose BLAS reads the number of threads once, when it is loaded."""

import os
import sys

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

too_late = "numpy" in sys.modules and any(os.environ.get(variable) != "1" for variable in VARIABLES[:2])
os.environ.update(dict.fromkeys(VARIABLES, "1"))


def threads() -> str:
    """What a report says of the threads. A BLAS that is loaded already is held back by threadpoolctl, if it can."""
    if not too_late:
        return "One BLAS thread."
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return "BLAS with as many threads as it likes: NumPy was imported first; set OPENBLAS_NUM_THREADS=1."
    threadpool_limits(1)
    return "One BLAS thread, by threadpoolctl."


THREADS = threads()
