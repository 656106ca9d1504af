import itertools
from types import ModuleType

import numpy
import pytest
import torch

from tsexpand.colour.codes import Primaries
from tsexpand.colour.primaries import (
    ACES_AP0,
    ACES_AP1,
    CHROMATICITIES,
    Chromaticities,
    conversion_matrix,
    convert,
    rgb_to_xyz,
)

# Rec. ITU-R BT.2087-0, to the four digits that it prints, and derived in full independently.
BT2087 = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
BT2087_FULL = [
    [0.6274038959, 0.3292830384, 0.0433130657],
    [0.0690972894, 0.9195403951, 0.0113623156],
    [0.0163914389, 0.0880133079, 0.8955952532],
]
BT2020_TO_709 = [
    [1.6604910021, -0.5876411388, -0.0728498633],
    [-0.1245504745, 1.1328998971, -0.0083494226],
    [-0.0181507634, -0.1005788980, 1.1187296614],
]
# Derived in rational numbers.
BT709_TO_P3 = [
    [0.8224619687, 0.1775380313, 0.0],
    [0.0331941989, 0.9668058011, 0.0],
    [0.0170826307, 0.0723974407, 0.9105199286],
]
PAIRS = list(itertools.product(CHROMATICITIES, repeat=2))

ORACLE_NAMES = {
    Primaries.BT709: "ITU-R BT.709",
    Primaries.BT470M: "NTSC (1953)",
    Primaries.BT470BG: "ITU-R BT.470 - 625",
    Primaries.SMPTE170M: "SMPTE C",
    Primaries.BT2020: "ITU-R BT.2020",
    Primaries.SMPTE431: "DCI-P3",
    Primaries.SMPTE432: "P3-D65",
}
# H.273's code 22 is not among them: for it the oracle has EBU Tech. 3213-E, which H.273 does not list.


def test_bt2087_as_published() -> None:
    matrix = conversion_matrix(Primaries.BT709, Primaries.BT2020).numpy()
    assert numpy.abs(matrix - BT2087).max() < 5e-5


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (Primaries.BT709, Primaries.BT2020, BT2087_FULL),
        (Primaries.BT2020, Primaries.BT709, BT2020_TO_709),
        (Primaries.BT709, Primaries.SMPTE432, BT709_TO_P3),
    ],
)
def test_matrices_in_full(source: Primaries, target: Primaries, expected: list[list[float]]) -> None:
    assert conversion_matrix(source, target).numpy() == pytest.approx(numpy.array(expected), abs=1e-9)


def test_a_matrix_and_its_inverse_cancel() -> None:
    for source, target in PAIRS:
        product = conversion_matrix(source, target) @ conversion_matrix(target, source)
        torch.testing.assert_close(product, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_white_stays_white(source: Primaries, target: Primaries) -> None:
    white = conversion_matrix(source, target) @ torch.ones(3, dtype=torch.float64)
    assert white.tolist() == pytest.approx([1.0] * 3, abs=1e-12)


@pytest.mark.parametrize("primaries", CHROMATICITIES)
def test_xyz_gives_the_chromaticities_back(primaries: Primaries) -> None:
    space = CHROMATICITIES[primaries]
    columns = rgb_to_xyz(primaries).T
    for xyz, xy in zip(columns, (space.red, space.green, space.blue), strict=True):
        assert (xyz[:2] / xyz.sum()).tolist() == pytest.approx(xy, abs=1e-12)
    white = columns.sum(dim=0)
    assert float(white[1]) == pytest.approx(1, abs=1e-12)
    assert (white[:2] / white.sum()).tolist() == pytest.approx(space.white, abs=1e-12)


@pytest.mark.parametrize("primaries", ORACLE_NAMES)
def test_chromaticities_and_oracle(oracle: ModuleType, primaries: Primaries) -> None:
    space, expected = CHROMATICITIES[primaries], oracle.RGB_COLOURSPACES[ORACLE_NAMES[primaries]]
    assert numpy.array([space.red, space.green, space.blue]) == pytest.approx(expected.primaries, abs=1e-9)
    assert space.white == pytest.approx(expected.whitepoint, abs=1e-3)


@pytest.mark.parametrize("target", [Primaries.BT2020, Primaries.SMPTE432, Primaries.SMPTE170M])
def test_matrices_and_oracle(oracle: ModuleType, target: Primaries) -> None:
    spaces = [oracle.RGB_COLOURSPACES[ORACLE_NAMES[p]].copy() for p in (Primaries.BT709, target)]
    for space in spaces:
        space.use_derived_transformation_matrices(True)
    expected = oracle.matrix_RGB_to_RGB(*spaces, chromatic_adaptation_transform=None)
    assert conversion_matrix(Primaries.BT709, target).numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("source", [Primaries.BT470M, Primaries.SMPTE431])
def test_adaptation_and_oracle(oracle: ModuleType, source: Primaries) -> None:
    space = CHROMATICITIES[source]
    target = CHROMATICITIES[Primaries.BT709]
    whites = [oracle.xy_to_XYZ(numpy.array(c.white)) for c in (space, target)]
    adaptation = oracle.adaptation.matrix_chromatic_adaptation_VonKries(*whites, transform="Bradford")
    to_xyz, from_xyz = (
        oracle.normalised_primary_matrix(numpy.array([c.red, c.green, c.blue]), numpy.array(c.white))
        for c in (space, target)
    )
    expected = numpy.linalg.inv(from_xyz) @ adaptation @ to_xyz
    assert conversion_matrix(source, Primaries.BT709).numpy() == pytest.approx(expected, abs=1e-6)


ACES = {"ACES2065-1": ACES_AP0, "ACEScg": ACES_AP1}


@pytest.mark.parametrize("name", ACES)
def test_aces_and_oracle(oracle: ModuleType, name: str) -> None:
    space, expected = ACES[name], oracle.RGB_COLOURSPACES[name]
    assert numpy.array([space.red, space.green, space.blue]) == pytest.approx(expected.primaries, abs=1e-12)
    assert space.white == pytest.approx(expected.whitepoint, abs=1e-12)
    # The matrix that the standard prints is rounded to ten digits, to four of which its white agrees.
    assert rgb_to_xyz(space).numpy() == pytest.approx(expected.matrix_RGB_to_XYZ, abs=2e-5)
    sources = [oracle.RGB_COLOURSPACES[n].copy() for n in ("ITU-R BT.709", name)]
    for source in sources:
        source.use_derived_transformation_matrices(True)
    matrix = oracle.matrix_RGB_to_RGB(*sources, chromatic_adaptation_transform="Bradford")
    assert conversion_matrix(Primaries.BT709, space).numpy() == pytest.approx(matrix, abs=1e-6)


# Of the ACES OCIO configurations (lin_rec709 to ACES2065-1 and ACEScg), Bradford from D65 to ACES's white.
BT709_TO_AP0 = [
    [0.4396329819, 0.3829886981, 0.1773783200],
    [0.0897764431, 0.8134394287, 0.0967841282],
    [0.0175411704, 0.1115465500, 0.8709122796],
]
BT709_TO_AP1 = [
    [0.6130974024, 0.3395231462, 0.0473794514],
    [0.0701937225, 0.9163538791, 0.0134523985],
    [0.0206155929, 0.1095697729, 0.8698146342],
]


@pytest.mark.parametrize(("space", "published"), [(ACES_AP0, BT709_TO_AP0), (ACES_AP1, BT709_TO_AP1)])
def test_aces_as_compositors_have_it(space: Chromaticities, published: list[list[float]]) -> None:
    matrix = conversion_matrix(Primaries.BT709, space)
    assert matrix.numpy() == pytest.approx(numpy.array(published), abs=5e-6)
    assert (matrix @ torch.ones(3, dtype=torch.float64)).tolist() == pytest.approx([1, 1, 1], abs=1e-12)
    assert (matrix > 0).all()  # BT.709 lies within both


def test_convert_pictures() -> None:
    light = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 1000
    converted = convert(light, Primaries.BT709, Primaries.BT2020)
    pixel = torch.tensor(BT2087_FULL) @ light[1, :, 2, 3]
    torch.testing.assert_close(converted[1, :, 2, 3], pixel, rtol=1e-5, atol=1e-3)
    assert converted.dtype == torch.float32
    assert (converted >= 0).all()  # BT.709 lies within BT.2020
    torch.testing.assert_close(convert(converted, Primaries.BT2020, Primaries.BT709), light, rtol=1e-4, atol=1e-2)


def test_same_primaries_give_the_same_tensor() -> None:
    light = torch.ones(1, 3, 2, 2)
    assert convert(light, Primaries.BT709, Primaries.BT709) is light


def test_colours_outside_turn_negative() -> None:
    green = torch.tensor([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1)
    assert convert(green, Primaries.BT2020, Primaries.BT709)[0, 0, 0, 0] < 0
