from tests.colour.conftest import oracle

__all__ = ["oracle"]
