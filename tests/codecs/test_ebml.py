import io

import pytest

from tsexpand.codecs.ebml import CLUSTER, SEGMENT, element, elements, number, within


@pytest.mark.parametrize("size", [b"\xff", b"\x40\x00", b"\x01" + b"\xff" * 7])
def test_a_size_that_is_not_known_is_beyond_all_ends(size: bytes) -> None:
    """As of a segment that was written to a pipe; one of no bytes is known."""
    inner = number(0xE7, 5) + element(CLUSTER, bytes(300))
    content = SEGMENT.to_bytes(4, "big") + size + inner
    found = next(elements(io.BytesIO(content), 0, len(content)))
    is_known = size == b"\x40\x00"
    assert (found.end == found.body) is is_known
    assert (found.end > len(content)) is not is_known


def test_what_an_endless_element_holds_ends_with_the_file() -> None:
    inner = number(0xE7, 5) + element(CLUSTER, bytes(300))
    content = SEGMENT.to_bytes(4, "big") + b"\xff" + inner
    found = list(within(io.BytesIO(content), 0, len(content), frozenset({SEGMENT})))
    assert [one.identity for one in found] == [0xE7, CLUSTER]
    assert found[-1].end == len(content)
