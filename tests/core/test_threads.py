"""One number of threads for all libraries, in processes of their own: each reads its variables once."""

import subprocess
import sys

REPORT = """
import threadpoolctl
pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
print(len(pools) >= 2, {*pools, numba.get_num_threads()})
"""
LIBRARIES = "import numba, numpy, scipy.linalg, scipy.linalg.blas\n"
SET = "from ctsigprop.core.threads import set_threads\nset_threads(1)\n"


def printed(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_libraries_that_are_loaded_later_obey() -> None:
    assert printed(SET + LIBRARIES + REPORT) == "True {1}"


def test_libraries_that_are_loaded_already_obey() -> None:
    assert printed(LIBRARIES + SET + REPORT) == "True {1}"


def test_kernels_compile_after_the_number_changed() -> None:
    parallel = """
@numba.njit(parallel=True)
def double(x):
    for i in numba.prange(len(x)):
        x[i] *= 2
    return x
"""
    script = (
        LIBRARIES + parallel + "double(numpy.ones(4))\n" + SET + "print(double(numpy.ones(4, numpy.float32)).sum())"
    )
    assert printed(script) == "8.0"
