import warnings
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """colour-science, which knows nothing of our code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the optional packages that it does without
        module: ModuleType = pytest.importorskip("colour", reason="colour-science, the oracle, is not installed")
    return module
