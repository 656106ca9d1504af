import importlib.util
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tests.conversions import IDENTITY, exr_light, options
from tests.evaluation.light import moving_light, unsteady, write_sequence
from tsexpand.convert import convert
from tsexpand.errors import InputError
from tsexpand.evaluation.evaluate import EvaluateOptions, evaluate
from tsexpand.evaluation.report import UNITS

QUALITY = Path(__file__).parents[3] / "shared" / "quality"
SDR = {"colorspace": 1, "color_trc": 1, "color_primaries": 1, "color_range": 1}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """A prediction and its reference."""
    truth = moving_light()
    write_sequence(tmp_path / "truth", truth)
    write_sequence(tmp_path / "prediction", unsteady(truth))
    return str(tmp_path / "prediction"), str(tmp_path / "truth")


@pytest.fixture(scope="module")
def protocol() -> ModuleType:
    """The project's own score.py."""
    if not (QUALITY / "score.py").exists():
        pytest.skip("shared/quality/score.py, the oracle, is not there")
    sys.path.insert(0, str(QUALITY))
    try:
        spec = importlib.util.spec_from_file_location("score", QUALITY / "score.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(QUALITY))
    return module


@pytest.mark.parametrize("fit", [False, True])
def test_numbers_are_those_of_the_protocol(fit: bool, folders: tuple[str, str], protocol: ModuleType) -> None:
    prediction, truth = folders
    report = evaluate(EvaluateOptions((prediction,), truth, fit=fit)).predictions[0]
    expected = protocol.score(moving_light(), unsteady(moving_light()), fit)
    for name, number in expected.items():
        assert report.numbers[name] == pytest.approx(number, abs=2e-3), name
    assert report.fitted_scale == pytest.approx(2 ** -expected["scale_stops"] if fit else 1, rel=1e-3)


def test_a_prediction_that_is_the_reference_is_perfect(folders: tuple[str, str]) -> None:
    _, truth = folders
    numbers = evaluate(EvaluateOptions((truth,), truth)).predictions[0].numbers
    assert numbers["pu4000"] == pytest.approx(138.2, abs=0.1)
    expected = {"ssim": 1, "pu_ssim": 1, "smoothness": 1, "flicker": 0, "wobble_stops": 0, "delta_e_itp": 0, "mse": 0}
    assert {name: numbers[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_fitting_makes_the_scale_of_no_effect(tmp_path: Path) -> None:
    truth = moving_light()
    write_sequence(tmp_path / "truth", truth)
    write_sequence(tmp_path / "half", truth / 2)
    found = evaluate(EvaluateOptions((str(tmp_path / "half"),), str(tmp_path / "truth"), fit=True)).predictions[0]
    assert found.fitted_scale == pytest.approx(2, rel=1e-4)
    assert found.numbers["scale_stops"] == pytest.approx(-1, abs=1e-4)
    assert found.numbers["pu_rest"] > 70


def test_no_scale_can_be_fitted_to_black(tmp_path: Path) -> None:
    write_sequence(tmp_path / "black", torch.zeros(1, 3, 16, 16))
    write_sequence(tmp_path / "truth", moving_light(1, 16, 16))
    with pytest.raises(InputError, match="no scale can be fitted"):
        evaluate(EvaluateOptions((str(tmp_path / "black"),), str(tmp_path / "truth"), fit=True))


def test_several_are_judged_in_order(folders: tuple[str, str]) -> None:
    counts: list[tuple[str, int]] = []
    report = evaluate(EvaluateOptions(folders, folders[1], frames=2), lambda name, n: counts.append((name, n)))
    assert [prediction.name for prediction in report.predictions] == list(folders)
    assert counts == [(folders[0], 1), (folders[0], 2), (folders[1], 1), (folders[1], 2)]


def still_source(path: Path, frames: int = 5) -> Path:
    planes = tuple(plane // 2 + 50 for plane in random_planes("yuv420p"))
    write_clip(path, [planes] * frames, tags=SDR)
    return path


def moving_source(path: Path, frames: int = 5) -> Path:
    luma, *chroma = random_planes("yuv420p", width=96)
    pictures = [(luma[:, 2 * i : 2 * i + 64], *(plane[:, i : i + 32] for plane in chroma)) for i in range(frames)]
    write_clip(path, [tuple(plane.contiguous() for plane in planes) for planes in pictures], tags=SDR)
    return path


@pytest.mark.parametrize("make", [still_source, moving_source])
def test_what_only_shows_the_source_adds_no_flicker(make: Callable[[Path], Path], tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv")
    convert(options(source, tmp_path / "exr"), IDENTITY)
    numbers = evaluate(EvaluateOptions((str(tmp_path / "exr"),), source=str(source))).predictions[0].numbers
    assert numbers["added_flicker"] < 0.05  # half float
    assert numbers["added_wobble_stops"] < 1e-3
    assert numbers["smoothness_to_source"] == pytest.approx(1, abs=1e-3)


def test_flicker_over_a_still_source_is_found(tmp_path: Path) -> None:
    source = still_source(tmp_path / "a.mkv")
    still = evaluate(EvaluateOptions((str(source),), source=str(source))).predictions[0].numbers
    assert (still["added_flicker"], still["added_wobble_stops"], still["smoothness_to_source"]) == (0, 0, 1)
    convert(options(source, tmp_path / "exr"), IDENTITY)
    exposures = torch.tensor([1, 1.2, 1, 1.2, 1]).view(-1, 1, 1, 1)
    write_sequence(tmp_path / "flicker", exr_light(tmp_path / "exr") * exposures)
    numbers = evaluate(EvaluateOptions((str(tmp_path / "flicker"),), source=str(source))).predictions[0].numbers
    assert numbers["added_flicker"] > 5
    assert numbers["added_wobble_stops"] == pytest.approx(0.144, abs=0.002)  # std of 0, 0.263, 0, 0.263, 0
    assert numbers["smoothness_to_source"] < 0.01


def test_one_picture_has_no_time(tmp_path: Path, folders: tuple[str, str]) -> None:
    pictures = [str(Path(folder) / "clip.1.exr") for folder in folders]
    report = evaluate(EvaluateOptions((pictures[0],), pictures[1]))
    numbers = report.predictions[0].numbers
    assert all(math.isnan(numbers[name]) for name in ("flicker", "wobble_stops", "smoothness"))
    values = json.loads(json.dumps(report.values(), allow_nan=False))
    assert values["predictions"][0]["scores"]["flicker"] is None
    assert values["predictions"][0]["per_frame"]["flicker"] == [None]


def test_every_number_and_curve_has_a_unit(folders: tuple[str, str]) -> None:
    prediction = evaluate(EvaluateOptions(folders[:1], folders[1], folders[1], frames=2)).predictions[0]
    assert prediction.numbers.keys() | prediction.curves.keys() == UNITS.keys()
    assert {len(curve) for curve in prediction.curves.values()} == {2}


def test_pictures_smaller_than_the_window_are_refused(tmp_path: Path) -> None:
    write_sequence(tmp_path / "a", torch.ones(1, 3, 10, 40))
    with pytest.raises(InputError, match="40×10 are too small"):
        evaluate(EvaluateOptions((str(tmp_path / "a"),), str(tmp_path / "a")))


@pytest.mark.parametrize("options", [{"predictions": (), "reference": "a"}, {"predictions": ("a",)}])
def test_contradictions_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        EvaluateOptions(**options)  # type: ignore[arg-type]
