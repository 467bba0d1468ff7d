"""Cores that there are, and one number of threads for every numerical library."""

import os
import sys

from threadpoolctl import threadpool_limits

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def cores() -> int:
    """How many cores this process may use; all of them where the system does not say, as macOS and Windows."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(count: int) -> None:
    """Give each thread pool of this process and of its children `count` threads.

    NumPy and SciPy bring an OpenBLAS each, Numba and torch a pool of their own. A library reads its
    environment variable once, as it is loaded, so those that are loaded already are set at run time.

    Args:
        count: threads of each pool, at least 1.
    """
    for variable in VARIABLES:
        os.environ[variable] = str(count)
    numba, torch = sys.modules.get("numba"), sys.modules.get("torch")
    if numba is None:
        os.environ["NUMBA_NUM_THREADS"] = str(count)
    else:  # refuses a variable that changes once its pool runs, and more threads than the pool has
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    if torch is not None:
        torch.set_num_threads(count)
    threadpool_limits(limits=count)
