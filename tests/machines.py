"""Machines of other sizes than this one."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch

from tsexpand import cores


@contextmanager
def of_cores(count: int) -> Iterator[None]:
    """As if the machine had so many cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    made = cores.Workers()
    try:
        with patch.object(cores, "workers", lambda: made):
            yield
    finally:
        torch.set_num_threads(before)
