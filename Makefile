# make demo            an environment, a network trained on the 8x8 digits, figures of what it learned
# make test            an environment, every check and every test
# make lint            the checks alone
# make test-portable   the numerical tests as three other processors of x86-64 would round
# make clean           removes what the others made, but no run
# PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

PACKAGES := ctsigprop solvers analysis experiments benchmarks
SOURCES := pyproject.toml constraints.txt README.md $(shell find $(PACKAGES) -type f -not -path '*/__pycache__/*')

# pip before 25.3 applies the first to the build's own environment, later ones the second.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.PHONY: demo test test-portable lint clean

demo: $(VENV)/.demo
	$(BIN)/ctsigprop train --config digits

# Two processes, whole files each: fixtures that train are made once.
test: lint
	$(BIN)/pytest -n 2 --dist loadfile

test-portable: $(VENV)/.test
	.ci/portable $(BIN)/pytest $(CURDIR)/$(VENV)/numba

# From inside $(VENV), so that ./ctsigprop does not hide the installed package.
lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml --cache-dir .mypy_cache -p ctsigprop
	cd $(VENV) && bin/lint-imports --config ../pyproject.toml --no-cache

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(PACKAGES) tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

# build/ is removed before each installation, or files that are gone from the sources would be installed from it.
$(VENV)/.demo: $(VENV)/.made $(SOURCES)
	rm -rf build
	$(INSTALL) .
	touch $@

$(VENV)/.test: $(VENV)/.made $(SOURCES)
	rm -rf build
	$(INSTALL) '.[torch,sweep,tensorboard,nir,dev]'
	touch $@
