import os
import sys
import threading

import pytest

from tests.sinks.batches import video_info
from tsexpand.codecs.encode import Encoder
from tsexpand.codecs.encoders import LIBRARIES, EncoderOptions
from tsexpand.codecs.scheduling import ordinary_threads, threads
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.signal import HDR10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads are scheduled otherwise")


def policies() -> set[int]:
    """Of all threads of this process."""
    found = set()
    for thread in threads():
        try:
            found.add(os.sched_getscheduler(thread))
        except ProcessLookupError:  # it has just ended
            continue
    return found


@pytest.mark.parametrize("codec", ["av1", "hevc"])
def test_an_encoder_makes_no_thread_real_time(codec: str) -> None:
    """Which SVT-AV1 does where it may, as for root."""
    encoder = Encoder(EncoderOptions(codec), video_info(), LIBRARIES[codec].delivered(HDR10), mastering_display(1000))
    assert encoder.coding is LIBRARIES[codec].coding
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    assert os.SCHED_FIFO not in policies() and os.SCHED_RR not in policies()


def test_this_thread_and_new_ones_are_ordinary_again() -> None:
    wait = threading.Event()
    began = threading.Thread(target=wait.wait)
    try:
        with ordinary_threads():
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            except PermissionError:
                pytest.skip("no thread of this user can become a real-time one")
            began.start()
        assert os.sched_getscheduler(0) == os.SCHED_OTHER and os.SCHED_FIFO not in policies()
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        wait.set()
        began.join()
