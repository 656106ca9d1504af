import math
from pathlib import Path

import pytest
import torch

from tsexpand.colour.codes import Primaries
from tsexpand.colour.luminance import luminance
from tsexpand.evaluation.metrics import Shown, score_frame
from tsexpand.network.output import REFERENCE_WHITE, Parametrisation
from tsexpand.training.options import TrainOptions
from tsexpand.training.pictures import EXPOSURES, exposed, picture
from tsexpand.training.trainer import initial_network
from tsexpand.training.validation import ValidationClip, scores, validate, validation_clips


def clip(height: int = 24, width: int = 32) -> ValidationClip:
    generator = torch.Generator().manual_seed(5)
    light = torch.rand(2, 3, height, width, generator=generator) * 1.5
    signal = (255 * light.clamp_max(1) ** (1 / 2.4)).round() / 255
    return ValidationClip(signal, light)


def test_scores_are_those_of_evaluate() -> None:
    truth = clip(1, 1).light.new_tensor([0.1, 0.9, 4.0]).view(1, 3, 1, 1) * torch.rand(1, 3, 16, 16)
    prediction = REFERENCE_WHITE * truth * 1.1
    ours = scores(prediction, truth)
    theirs = score_frame(Shown.of(prediction), Shown.of(REFERENCE_WHITE * truth))
    assert ours["pu1000"] == pytest.approx(theirs.pu1000.pu_psnr, abs=1e-3)
    assert ours["pu4000"] == pytest.approx(theirs.pu4000.pu_psnr, abs=1e-3)
    assert ours["pu_clipped"] == pytest.approx(theirs.clipped.pu_psnr, abs=1e-3)
    assert ours["pu_rest"] == pytest.approx(theirs.rest.pu_psnr, abs=1e-3)


def test_a_clip_without_clipped_areas_has_no_score_for_them() -> None:
    truth = torch.full((2, 3, 16, 16), 0.2)
    assert math.isnan(scores(REFERENCE_WHITE * truth, truth)["pu_clipped"])


def test_flicker_is_what_changes_of_the_error() -> None:
    truth = torch.full((2, 3, 16, 16), 0.2)
    steady = REFERENCE_WHITE * truth * 1.2
    assert scores(steady, truth)["flicker"] == 0
    steady[1] *= 1.1
    assert scores(steady, truth)["flicker"] > 1


def test_a_network_of_zeros_scores_as_the_analytic_picture() -> None:
    network = initial_network(TrainOptions((Path(),), Path("w.pth"), 1)).eval()
    by_network = validate(network, Parametrisation.ABSOLUTE, [clip()], torch.float32).scores
    analytic = validate(None, Parametrisation.ABSOLUTE, [clip()], torch.float32).scores
    assert by_network == pytest.approx(analytic, abs=1e-3)


def test_relative_light_is_scaled_to_the_truth_before_it_is_scored() -> None:
    network = initial_network(TrainOptions((Path(),), Path("w.pth"), 1, target=Parametrisation.RELATIVE)).eval()
    validated = validate(network, Parametrisation.RELATIVE, [clip()], torch.float32)
    truth, found = (luminance(light, Primaries.BT709) for light in (validated.clips[0].light, validated.predictions[0]))
    usable = (validated.clips[0].light.amax(1, keepdim=True) < 0.6) & (truth > 0.02)
    ratio = (found / REFERENCE_WHITE / truth)[usable].log2().median()
    assert abs(float(ratio)) < 5e-3


def test_validation_clips_are_always_the_same(scene_folder: Path) -> None:
    from tsexpand.training.scenes import load_scenes

    scenes = load_scenes([scene_folder]).scenes[:1]
    first, again = validation_clips(scenes), validation_clips(scenes)
    assert torch.equal(first[0].signal, again[0].signal) and torch.equal(first[0].light, again[0].light)
    assert first[0].signal.shape == (2, 3, 270, 480)


def test_white_is_white_and_stops_are_halves() -> None:
    light = torch.full((3, 2, 2), REFERENCE_WHITE)
    assert exposed(light, 0).unique().tolist() == [255]
    assert exposed(4 * light, -2).unique().tolist() == [255]
    assert exposed(light, -2).unique().tolist() == [round(255 * 0.25 ** (1 / 2.4))]


def test_the_sheet_has_a_column_for_each_exposure() -> None:
    one = torch.full((3, 10, 20), 0.5)
    assert picture(one, 203 * one, 203 * one).shape == (3, 20, 20 * (1 + len(EXPOSURES)))
