from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tsexpand.colour.codes import ChromaSampling
from tsexpand.training.damage import Damage, random_damage

NOTHING = Damage(noise=0.0, seed=0, swscale=False, encoder=None)


def _ramp(frames: int = 2) -> Tensor:
    """Grey from black to white, which no subsampling of chroma changes."""
    return torch.linspace(0, 1, 64).expand(frames, 3, 48, 64)


@pytest.mark.parametrize("swscale", [False, True])
def test_eight_bits_of_grey_are_within_half_a_code(swscale: bool) -> None:
    shown = Damage(0.0, 0, swscale, None).done_to(_ramp())
    assert (shown - _ramp()).abs().max() <= (1.0 if swscale else 0.501) / 219  # FFmpeg rounds twice


def test_chroma_is_subsampled_and_luma_is_not() -> None:
    stripes = torch.tensor([[0.7], [0.1], [0.1]]).repeat(1, 2)
    stripes[:, 1] = stripes[:, 0].flip(0)  # red and blue columns in turn
    shown = NOTHING.done_to(stripes.repeat(1, 16).expand(1, 16, 3, 32).transpose(1, 2).contiguous())
    red = shown[0, 0, :, 4:-4]
    assert 0.03 < red.std() < 0.06  # of 0.3; luma alone, 0.2126 of red and 0.0722 of blue, gives 0.042


def test_noise_has_its_deviation_and_black_has_none() -> None:
    grey = torch.full((2, 3, 64, 64), 0.5)
    grey[:, :, :32] = 0
    shown = Damage(0.02, 5, False, None).done_to(grey)
    assert torch.count_nonzero(shown[:, :, :31]) == 0
    luma = shown[:, :, 34:].mean(1)  # chroma noise is blurred when it is subsampled
    assert 0.008 < float(luma.std()) < 0.02


def test_each_frame_has_noise_of_its_own_and_the_clip_the_same_again() -> None:
    noisy = Damage(0.02, 5, False, None)
    shown = noisy.done_to(_ramp())
    assert torch.equal(shown, noisy.done_to(_ramp())) and not torch.equal(shown[0], shown[1])


@pytest.mark.parametrize("encoder", ["libx264", "mpeg2video", "mjpeg"])
def test_encoders_lose_little_of_a_ramp(encoder: str) -> None:
    options = {"crf": "18"} if encoder == "libx264" else {"q": "3"}
    shown = Damage(0.0, 0, True, encoder, options).done_to(_ramp(3))
    assert shown.shape == _ramp(3).shape
    assert 0 < (shown - _ramp(3)).abs().mean() < 0.01


def test_random_damage_is_of_its_seed_and_of_all_kinds() -> None:
    drawn = [random_damage(np.random.default_rng(seed)) for seed in range(400)]
    assert drawn == [random_damage(np.random.default_rng(seed)) for seed in range(400)]
    assert 170 < sum(damage.noise == 0 for damage in drawn) < 230 and max(damage.noise for damage in drawn) <= 2 / 255
    halved = [damage for damage in drawn if damage.sampling is ChromaSampling.HALF_BOTH]
    assert 250 < len(halved) < 310 and 110 < sum(damage.swscale for damage in halved) < 170
    assert all(damage in halved for damage in drawn if damage.swscale)
    encoders = {None, "libx264", "mpeg2video", "mjpeg"}
    for sampling in ChromaSampling:
        found = {damage.encoder for damage in drawn if damage.sampling is sampling}
        assert found == (encoders - {"mpeg2video"} if sampling is ChromaSampling.FULL else encoders)
    one_of_each = {(damage.encoder, damage.sampling): damage for damage in drawn}.values()
    assert all(damage.done_to(_ramp()).shape == _ramp().shape for damage in one_of_each)


def test_full_chroma_keeps_fine_colour() -> None:
    stripes = torch.tensor([0.7, 0.1]).repeat(16).expand(1, 16, 32)
    signal = torch.stack([stripes, torch.full_like(stripes, 0.1), stripes.flip(-1)], dim=1)  # red and blue in turns
    shown = replace(NOTHING, sampling=ChromaSampling.FULL).done_to(signal)
    assert (shown - signal).abs().max() < 0.01
    halved = replace(NOTHING, sampling=ChromaSampling.HALF_WIDTH).done_to(signal)
    assert (halved - signal).abs().max() > 0.2
