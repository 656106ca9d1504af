import itertools
from dataclasses import replace

import pytest

from tsexpand.colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.primaries import CHROMATICITIES
from tsexpand.colour.signal import HDR10, HLG10, SignalFormat, already_hdr, fill_unspecified, unsupported
from tsexpand.colour.transfer import SDR_EOTF
from tsexpand.colour.ycbcr import KR_KB

UNTAGGED = SignalFormat(8, SignalRange.LIMITED, Matrix.UNSPECIFIED, Transfer.UNSPECIFIED, Primaries.UNSPECIFIED)
HD = SignalFormat(8, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709)


@pytest.mark.parametrize(
    ("height", "matrix"),
    [
        (480, Matrix.SMPTE170M),
        (576, Matrix.SMPTE170M),
        (719, Matrix.SMPTE170M),
        (720, Matrix.BT709),
        (2160, Matrix.BT709),
    ],
)
def test_untagged_video(height: int, matrix: Matrix) -> None:
    filled, guesses = fill_unspecified(UNTAGGED, height, is_rgb=False, range_stated=False)
    assert filled == replace(HD, matrix=matrix)
    assert [g.field for g in guesses] == ["range", "matrix", "transfer", "primaries"]


def test_guesses_say_why() -> None:
    _, guesses = fill_unspecified(UNTAGGED, 480, is_rgb=False, range_stated=False)
    assert [str(g) for g in guesses] == [
        "range limited (untagged Y′CbCr)",
        "matrix BT.601 (untagged, 480 < 720 lines)",
        "transfer BT.1886 (untagged video)",
        "primaries BT.709 (untagged)",
    ]


def test_untagged_rgb_is_srgb() -> None:
    stated = replace(UNTAGGED, matrix=Matrix.IDENTITY, signal_range=SignalRange.FULL)
    filled, guesses = fill_unspecified(stated, 1080, is_rgb=True, range_stated=False)
    assert (filled.matrix, filled.transfer, filled.signal_range) == (Matrix.IDENTITY, Transfer.SRGB, SignalRange.FULL)
    assert [g.field for g in guesses] == ["range", "transfer", "primaries"]


@pytest.mark.parametrize("stated", [HD, HDR10, HLG10, replace(HD, primaries=Primaries.SMPTE170M)])
def test_what_is_stated_is_kept(stated: SignalFormat) -> None:
    assert fill_unspecified(stated, 480, is_rgb=False, range_stated=True) == (stated, ())


def test_nothing_is_ever_guessed_to_be_bt2020() -> None:
    for height, is_rgb in itertools.product((100, 720, 4320), (False, True)):
        filled, _ = fill_unspecified(UNTAGGED, height, is_rgb, range_stated=True)
        assert filled.matrix is not Matrix.BT2020_NCL
        assert filled.primaries is not Primaries.BT2020


@pytest.mark.parametrize("height", [480, 1080])
@pytest.mark.parametrize("is_rgb", [False, True])
def test_what_was_filled_in_is_supported(height: int, is_rgb: bool) -> None:
    filled, _ = fill_unspecified(UNTAGGED, height, is_rgb, range_stated=False)
    assert unsupported(filled) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"transfer": Transfer.PQ}, "already HDR (PQ)"),
        ({"transfer": Transfer.HLG}, "already HDR (HLG)"),
        ({"transfer": Transfer.LOG100}, "transfer LOG100 is not an SDR display signal"),
        ({"transfer": Transfer.LINEAR}, "transfer LINEAR is not an SDR display signal"),
        ({"transfer": Transfer.SMPTE428}, "transfer SMPTE428 is not an SDR display signal"),
        ({"matrix": Matrix.YCGCO}, "matrix YCGCO is not supported"),
        ({"matrix": Matrix.BT2020_CL}, "matrix BT2020_CL is not supported"),
        ({"matrix": Matrix.ICTCP}, "matrix ICTCP is not supported"),
        ({"primaries": Primaries.UNSPECIFIED}, "primaries UNSPECIFIED are not supported"),
    ],
)
def test_unsupported(changes: dict[str, object], reason: str) -> None:
    assert unsupported(replace(HD, **changes)) == reason  # type: ignore[arg-type]


def test_hdr_by_the_code_of_the_transfer() -> None:
    assert already_hdr(16) == "already HDR (PQ)"
    assert [code for code in range(256) if already_hdr(code)] == [16, 18]


@pytest.mark.parametrize("transfer", SDR_EOTF)
@pytest.mark.parametrize("matrix", [*KR_KB, Matrix.IDENTITY])
def test_supported(transfer: Transfer, matrix: Matrix) -> None:
    for primaries in CHROMATICITIES:
        assert unsupported(replace(HD, transfer=transfer, matrix=matrix, primaries=primaries)) is None


@pytest.mark.parametrize("depth", [1, 7, 17])
def test_bit_depths_out_of_range_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="bit depth"):
        replace(HD, bit_depth=depth)


def test_hdr_formats() -> None:
    assert (HDR10.bit_depth, HDR10.signal_range, HDR10.matrix) == (10, SignalRange.LIMITED, Matrix.BT2020_NCL)
    assert (HDR10.primaries, HDR10.transfer, HLG10.transfer) == (9, 16, 18)
    assert HDR10.chroma_location is ChromaLocation.TOP_LEFT


def test_the_matrix_of_bt2020_tells_its_primaries() -> None:
    stated = SignalFormat(10, SignalRange.LIMITED, Matrix.BT2020_NCL, Transfer.BT2020_10, Primaries.UNSPECIFIED)
    filled, guesses = fill_unspecified(stated, 2160, is_rgb=False, range_stated=True)
    assert filled.primaries is Primaries.BT2020
    assert [guess.value for guess in guesses] == ["BT.2020"]
