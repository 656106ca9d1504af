"""The curve that follows the picture: steady in time, whatever the batches, and new at every cut."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.temporal.clips import batched, clip, picture
from tsexpand.colour.sdr_tone import Tone
from tsexpand.cores import one_core
from tsexpand.frames import LightBatch, Timing
from tsexpand.sinks.preview_signal import PreviewSignal
from tsexpand.sinks.preview_tone import curves_for

LEVELS = torch.logspace(-1, 3, 200)
SCENE = 203 * picture(1, (48, 64)) ** 2.4
BRIGHT = 203 * picture(2, (48, 64)) ** 2.4 * 6


def frames(light: Sequence[Tensor], signal: Sequence[Tensor] | None = None, pts: Sequence[int] = ()) -> LightBatch:
    """A clip at 25 frames a second, or of other times in milliseconds; of one shot unless the SDR signal says more."""
    whole = clip(
        torch.zeros(len(light), 3, 48, 64) if signal is None else torch.stack(list(signal)), torch.stack(list(light))
    )
    times = pts or [40 * i for i in range(len(light))]
    timings = tuple(Timing(time, Fraction(1, 1000)) for time in times)
    return LightBatch(whole.light, whole.primaries, timings, whole.thumbnails)


def curves(whole: LightBatch) -> Tensor:
    """(N, levels): log10 of how levels are shown in each frame."""
    return torch.stack([curve(LEVELS) for curve in curves_for(Tone.MANTIUK, 1000, 203)(whole)]).log10()


def with_lamp(area: int, column: int = 10) -> Tensor:
    """The scene and a lamp, of an area in percent of the picture."""
    light = SCENE.clone()
    light[:, 10:20, column : column + 3 * area] = torch.linspace(300, 900, 3 * area)
    return light


def codes(preview: PreviewSignal, batches: Sequence[LightBatch]) -> tuple[Tensor, ...]:
    planes = [preview.prepare(batch, Tensor.cpu).planes for batch in batches]
    return tuple(torch.cat(plane) for plane in zip(*planes, strict=True))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_change_nothing(size: int) -> None:
    scenes = [SCENE, with_lamp(1), with_lamp(3), BRIGHT.clamp_max(1000), SCENE, SCENE, with_lamp(1)]
    whole = frames(scenes, pts=[0, 10, 90, 91, 400, 1400, 1410])
    nothing = LightBatch(whole.light[:0], whole.primaries, (), whole.thumbnails[:0])
    together = codes(PreviewSignal(Tone.MANTIUK, 1000, 203), [whole])
    with one_core():
        parts = codes(PreviewSignal(Tone.MANTIUK, 1000, 203), [nothing, *batched(whole, size), nothing])
    assert all(torch.equal(a, b) for a, b in zip(together, parts, strict=True))
    assert not torch.equal(together[0][0], together[0][4])  # for the curve was another


def test_what_stands_still_stays_to_the_last_bit() -> None:
    for plane in codes(PreviewSignal(Tone.MANTIUK, 1000, 203), [frames([with_lamp(2)] * 6)]):
        assert all(torch.equal(plane[0], frame) for frame in plane)


def test_noise_flickers_no_more_than_with_a_fixed_curve() -> None:
    """As the mean of a picture, which is what the eye sees of a curve that moves, and pixel by pixel."""
    generator = torch.Generator().manual_seed(3)
    noisy = [with_lamp(3) * (1 + 0.03 * torch.randn(SCENE.shape, generator=generator)) for _ in range(30)]
    flicker = {}
    for tone in (Tone.MANTIUK, Tone.BT2390):
        luma = codes(PreviewSignal(tone, 1000, 203), [frames([light.clamp(0, 1000) for light in noisy])])[0].double()
        flicker[tone] = float(luma.mean(dim=(1, 2)).diff().std()), float(luma.diff(dim=0).std())
    for following, fixed in zip(*flicker.values(), strict=True):
        assert following < 1.02 * fixed + 0.005  # code values
    lamp = curves(frames([light.clamp(0, 1000) for light in noisy]))
    assert lamp.diff(dim=0).abs().max() < 0.0005  # decades: a thousandth of the light


def test_a_highlight_that_moves_does_not_pump() -> None:
    moving = curves(frames([with_lamp(2, column) for column in range(40)]))
    assert (moving - moving[0]).abs().max() < 0.01
    assert moving[0] != pytest.approx(curves(frames([SCENE]))[0], abs=0.05)  # though it matters


def test_a_highlight_that_comes_and_goes_moves_little() -> None:
    """Every other frame, 12 times a second: mid-tones change by less than a code value."""
    blinking = codes(PreviewSignal(Tone.MANTIUK, 1000, 203), [frames([SCENE, with_lamp(2)] * 12)])[0].double()
    means = blinking[:, 24:].mean(dim=(1, 2))
    assert means.diff().abs().max() < 1
    assert means[0] - means[-1] > 2  # it gives way in the long run


def test_no_change_of_scene_moves_a_curve_fast() -> None:
    """Without a cut: by 4 % of the way that is left a frame, so that after three seconds 5 % are left."""
    changing = curves(frames([SCENE] * 3 + [BRIGHT.clamp_max(1000)] * 80))
    left = (changing - curves(frames([BRIGHT.clamp_max(1000)]))[0]).abs()
    assert left[0].max() > 0.25
    assert (changing.diff(dim=0).abs() <= 0.04 * left[:-1] + 1e-5).all()
    assert (changing[:4] - changing[0]).abs().max() < 1e-6  # the first new frame changes nothing yet
    assert (left[-1] <= 0.05 * left[0] + 1e-5).all()


def test_time_is_what_counts_not_frames() -> None:
    scenes = [SCENE, with_lamp(3), with_lamp(1), with_lamp(2)]
    slow = curves(frames(scenes, pts=[0, 100, 180, 400]))
    fast = curves(frames([scenes[i] for i in (0, 0, 1, 2, 2, 2, 3)], pts=[0, 70, 100, 180, 200, 390, 400]))
    assert fast[[0, 2, 3, 6]] == pytest.approx(slow, abs=1e-6)


def test_a_cut_begins_anew() -> None:
    one, other = picture(1, (48, 64)), picture(2, (48, 64))
    cut = curves(frames([SCENE] * 5 + [BRIGHT.clamp_max(1000)] * 5, [one] * 5 + [other] * 5))
    assert torch.equal(cut[5], curves(frames([BRIGHT.clamp_max(1000)]))[0])
    assert torch.equal(cut[4], cut[0]) and (cut[5] - cut[4]).abs().max() > 0.15


def test_previews_know_nothing_of_one_another() -> None:
    first, second = (PreviewSignal(Tone.MANTIUK, 1000, 203) for _ in range(2))
    codes(first, [frames([BRIGHT.clamp_max(1000)] * 3)])
    alone = codes(second, [frames([SCENE] * 2)])
    assert torch.equal(alone[0], codes(PreviewSignal(Tone.MANTIUK, 1000, 203), [frames([SCENE] * 2)])[0])


@pytest.mark.parametrize("level", [0.0, 0.05, 80.0, 203.0, 1000.0])
def test_flat_pictures_are_shown(level: float) -> None:
    luma, cb, cr = codes(PreviewSignal(Tone.MANTIUK, 1000, 203), [frames([torch.full((3, 48, 64), level)] * 2)])
    expected = 16 + 219 * min(1, level / 203) ** (1 / 2.4)
    assert luma.double().mean() == pytest.approx(expected, abs=0.1)
    assert (cb == 128).all() and (cr == 128).all()
