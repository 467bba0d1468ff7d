from collections.abc import Iterator

import pytest

import ctsigprop as ct

REGISTRIES = (ct.RHOS, ct.COSTS, ct.ARCHITECTURES, ct.RULES, ct.OPTIMIZERS, ct.DATASETS, ct.METHODS, ct.FIGURES)


@pytest.fixture(autouse=True)
def own_registrations() -> Iterator[None]:
    """What a test adds to a registry is gone after it."""
    before = [dict(registry._added) for registry in REGISTRIES]
    yield
    for registry, added in zip(REGISTRIES, before, strict=True):
        registry._added = added
