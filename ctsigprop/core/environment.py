"""What a run was made with: versions, source revision, processors, threads."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from ctsigprop.core.threads import cores

CPU = Path("/proc/cpuinfo")
PACKAGES = ("ctsigprop", "numpy", "scipy", "numba", "llvmlite", "torch")


def environment() -> dict[str, Any]:
    """The circumstances that a run's numbers may depend on, for its summary."""
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "git_revision": git_revision(),
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cores": cores(),
        "gpu": gpu_model(),
        "thread_pools": [
            {key: pool.get(key) for key in ("prefix", "version", "num_threads")} for pool in threadpool_info()
        ],
    }


def git_revision() -> str | None:
    """Commit of the checkout that this code runs from, `-dirty` where it differs; None outside a checkout."""
    here = Path(__file__)
    git = ["git", "-C", str(here.parent)]
    tracked = _output([*git, "ls-files", "--error-unmatch", here.name])
    describe = [*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return _output(describe) if tracked else None


def cpu_model() -> str:
    """Name of the processor."""
    return _processor("model name") or platform.processor() or platform.machine()


def processor_flags() -> set[str]:
    """Names of the instructions that the processor has beyond the least; empty where the system is not Linux."""
    return set((_processor("flags") or _processor("Features") or "").split())


def gpu_model() -> str | None:
    """Name of the GPU that PyTorch computes on; None without one, or where PyTorch was not needed."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None


def _processor(field: str) -> str | None:
    """Return what Linux says of the first core under a name; None if nothing, or on another system."""
    try:
        lines = CPU.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), None)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _output(command: list[str]) -> str | None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
