"""The compiled engine comes from Numba's cache in every process after the first, whatever the field."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOLVE = """
import json
import numpy as np
from numba import njit
from numba.core import event
from ctsigprop.solvers import integrate
from ctsigprop.solvers.engine import compiled_drive

@njit
def decaying(t, y, dydt, parameters, layout):
    dydt[:] = -y

@njit
def growing(t, y, dydt, parameters, layout):
    dydt[:] = y * parameters[0]

compiled = []
class Listener(event.Listener):
    def on_start(self, happening):
        function = happening.data["dispatcher"].py_func
        if function.__module__ in ("__main__", "ctsigprop.solvers.engine"):
            compiled.append(function.__name__)
    def on_end(self, happening):
        pass

with event.install_listener("numba:compile", Listener()):
    integrate(decaying, np.ones(3), (0.0, 1.0), check=True)
    integrate(growing, np.ones(3), (0.0, 1.0), parameters=[2.0], check=True)
    integrate(decaying, np.ones(3), (0.0, 1.0), method="rk4", step=0.1, times=[0.5], lower=0.0, check=True)
engine = compiled_drive(np.dtype(np.float64))
print(json.dumps({"hits": sum(engine.stats.cache_hits.values()), "misses": sum(engine.stats.cache_misses.values()),
                  "compiled": sorted(set(compiled))}))
"""


def files_in(folder: Path):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*.nb*")}


@pytest.fixture
def solve(tmp_path):
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("Numba's compiler is switched off")
    script = tmp_path / "solve.py"
    script.write_text(SOLVE)
    cache = tmp_path / "cache"

    def run():
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        )
        return json.loads(done.stdout), files_in(cache)

    return run


def test_later_processes_compile_the_field_alone(solve):
    first, files = solve()
    assert (first["hits"], first["misses"]) == (0, 1)
    assert "drive" in first["compiled"]
    assert sum(path.name.startswith("engine.drive") and path.suffix == ".nbc" for path in files) == 1
    for _ in range(2):
        later, files_then = solve()
        assert (later["hits"], later["misses"]) == (1, 0)
        assert later["compiled"] == ["decaying", "growing"]
        assert files_then == files


def test_numba_is_loaded_by_the_first_solve_and_not_by_the_import():
    code = "import sys, ctsigprop.solvers; sys.exit('numba' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
