"""Whether the kernels have been compiled before."""

from glob import escape
from pathlib import Path
from typing import Any

from ctsigprop.continuous.dynamics import hopfield_field
from ctsigprop.continuous.rho.kernels import settle
from ctsigprop.settings import SolverSettings

COMPILING = "compiling, once: the first epoch takes some seconds longer"


def is_compiled(settings: SolverSettings) -> bool:
    """Whether Numba's cache holds what a run of these settings begins with; compiling takes seconds."""
    kernels: tuple[Any, ...] = (settle,) if settings.sweeps else (settle, hopfield_field)
    return all(_in_cache(kernel) for kernel in kernels)


def _in_cache(kernel: Any) -> bool:
    folder = kernel.stats.cache_path
    return bool(kernel.signatures) or (
        folder is not None and any(Path(folder).glob(f"*{escape(kernel.py_func.__name__)}-*.nbc"))
    )
