"""Workers for the tests of a module."""

import sys
from collections.abc import Iterator

import pytest

from harness.evaluation.spreading import cluster


@pytest.fixture(scope="module", autouse=True)
def workers_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Workers that a module's tests start get its functions by value, and end with it."""
    cloudpickle = pytest.importorskip("cloudpickle", reason="Dask is not here: pip install 'lbar[spread]'")
    cloudpickle.register_pickle_by_value(sys.modules[request.module.__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[request.module.__name__])
    for on in [*cluster._clusters]:
        cluster._clusters.pop(on).close()
