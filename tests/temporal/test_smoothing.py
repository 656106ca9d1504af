import pytest
import torch
from torch import Tensor

from tests.temporal.clips import batched, clip, light_of, most_alive, picture
from tsexpand.colour.codes import Primaries
from tsexpand.colour.luminance import luminance
from tsexpand.frames import LightBatch
from tsexpand.temporal.smoothing import smooth


def smoothed(whole: LightBatch, size: int = 4, window: int = 25) -> Tensor:
    return light_of(smooth(batched(whole, size), window))


def flickering(stops: Tensor, seed: int = 1) -> LightBatch:
    """A still that changes its exposure by so many stops."""
    still = picture(seed).expand(len(stops), -1, -1, -1)
    return clip(still, light=203 * still**2.4 * stops.exp2().view(-1, 1, 1, 1))


def mean_stops(light: Tensor) -> Tensor:
    return luminance(light, Primaries.BT709).double().mean(dim=(1, 2, 3)).log2()


@pytest.mark.parametrize("count", [1, 2, 7, 25, 40])
def test_a_static_clip_is_unchanged(count: int) -> None:
    whole = flickering(torch.zeros(count))
    torch.testing.assert_close(smoothed(whole), whole.light, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    "signal",
    [
        torch.zeros(3, 24, 32),
        torch.full((3, 24, 32), 0.5),
        torch.cat((torch.zeros(3, 12, 32), torch.ones(3, 12, 32)), 1),
    ],
)
def test_flat_pictures_are_finite_and_unchanged(signal: Tensor) -> None:
    whole = clip(signal.expand(5, -1, -1, -1))
    torch.testing.assert_close(smoothed(whole), whole.light, rtol=1e-5, atol=0)


@pytest.mark.parametrize("period", [2, 3, 5])
def test_periodic_flicker_is_reduced_fivefold(period: int) -> None:
    t = torch.arange(60)
    whole = flickering(0.2 * torch.cos(2 * torch.pi * t / period))
    before, after = mean_stops(whole.light), mean_stops(smoothed(whole))
    assert (before - before.mean()).abs().max() > 5 * (after - after.mean()).abs().max()


def test_random_flicker_from_frame_to_frame_is_reduced_fivefold() -> None:
    stops = (torch.rand(60, generator=torch.Generator().manual_seed(0)) - 0.5) * 0.4
    whole = flickering(stops)
    before, after = mean_stops(whole.light).diff(), mean_stops(smoothed(whole)).diff()
    assert before.abs().mean() > 5 * after.abs().mean()


def test_flat_flicker_is_reduced_though_all_percentiles_are_one() -> None:
    stops = 0.2 * (-1.0) ** torch.arange(40)
    flat = torch.full((40, 3, 24, 32), 0.5)
    after = mean_stops(smoothed(clip(flat, light=100 * flat * stops.exp2().view(-1, 1, 1, 1))))
    assert (after - after.mean()).abs().max() < 0.04


@pytest.mark.parametrize("frames", [10, 25, 50])
@pytest.mark.parametrize("seed", [1, 4])
def test_a_fade_stays_monotonic(frames: int, seed: int) -> None:
    fade = torch.linspace(0, 1, frames).view(-1, 1, 1, 1) * picture(seed)
    up = smoothed(clip(fade), size=7)
    assert (mean_stops(up)[1:].diff() > 0).all()  # the first frame is black: log2 of 0
    assert up[0].abs().max() == 0
    assert up.diff(dim=0).min() > -5e-3
    down = smoothed(clip(fade.flip(0)))
    assert down.diff(dim=0).max() < 5e-3


def test_the_cut_is_where_it_was_and_shots_do_not_mix() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (flickering(0.4 * torch.rand(n, generator=generator), seed) for n, seed in ((9, 1), (30, 2)))
    signal = torch.stack([picture(1)] * 9 + [picture(2)] * 30)
    both = clip(signal, light=torch.cat((one.light, other.light)))
    assert torch.equal(smoothed(both), torch.cat((smoothed(one), smoothed(other))))


def moving() -> LightBatch:
    """A pan with flicker and a cut."""
    wide = picture(5, size=(24, 96))
    pan = torch.stack([wide[:, :, x : x + 32] for x in range(20)])
    signal = torch.cat((pan, picture(9).expand(7, -1, -1, -1)))
    stops = 0.3 * torch.rand(len(signal), generator=torch.Generator().manual_seed(2))
    return clip(signal, light=203 * signal**2.4 * stops.exp2().view(-1, 1, 1, 1))


@pytest.mark.parametrize("size", [1, 2, 5, 27, 100])
def test_batch_size_does_not_matter(size: int) -> None:
    whole = moving()
    given = list(batched(whole, size))
    returned = list(smooth(given, 9))
    assert torch.equal(light_of(returned), smoothed(whole, 4, 9))
    assert [b.timings for b in returned] == [b.timings for b in given]
    assert [b.packets for b in returned] == [b.packets for b in given]


def test_a_window_of_one_changes_nothing() -> None:
    whole = moving()
    assert torch.equal(smoothed(whole, window=1), whole.light)


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_steady_pan_gains_no_visible_flicker(seed: int) -> None:
    wide = picture(seed, size=(24, 128))
    whole = clip(torch.stack([wide[:, :, x : x + 64] for x in range(50)]))
    before, after = (mean_stops(light).diff().diff().abs().mean() for light in (whole.light, smoothed(whole)))
    # Percentiles of so few pixels jitter by themselves, and what they are moved by with them.
    assert after < before + 0.002


def test_hue_is_kept() -> None:
    whole = moving()
    after = smoothed(whole)
    ratio = after / whole.light
    assert (ratio.amax(dim=1) - ratio.amin(dim=1)).max() < 1e-5


def test_order_of_levels_is_kept() -> None:
    whole = moving()
    before = luminance(whole.light, Primaries.BT709).flatten(1)
    after = luminance(smoothed(whole), Primaries.BT709).flatten(1)
    ranked = after.gather(1, before.argsort(dim=1))
    assert (ranked.diff(dim=1) >= -1e-4 * ranked[:, 1:]).all()


def test_black_stays_black() -> None:
    whole = moving()
    whole.light[:, :, :8] = 0
    assert smoothed(whole)[:, :, :8].abs().max() == 0


def test_above_the_top_percentile_light_goes_on() -> None:
    """The percentiles of a large picture are taken from a part of its pixels: the rest may be brighter."""
    light = torch.full((3, 3, 520, 520), 100.0)
    light[:, :, :260] = 1.0
    light[:, :, 1, 1] = 4000.0  # between the samples
    light *= torch.tensor([1.0, 1.2, 1.0]).view(-1, 1, 1, 1)
    whole = clip(picture(1, (520, 520)).expand(3, -1, -1, -1), light=light)
    after = smoothed(whole)
    ratio = (after / light)[:, 0]
    assert ratio[:, 1, 1].numpy() == pytest.approx(ratio[:, 400, 400].numpy(), rel=1e-5)
    assert after[:, 0, 1, 1].min() > 3900


def test_a_distant_glint_changes_nothing_else() -> None:
    still = 203 * picture(1, (64, 64)).clamp(0.2, 0.8) ** 2.4
    light = still.repeat(20, 1, 1, 1)
    light[::2, :, 30:32, 30:32] = 1000.0
    after = smoothed(clip(picture(1, (64, 64)).expand(20, -1, -1, -1), light=light))
    level = luminance(light, Primaries.BT709)
    below = level < level.flatten(1).quantile(0.95, dim=1).view(-1, 1, 1, 1)
    moved = (after / light).log2().abs() * below
    assert moved.max() < 0.01


def test_memory_is_bounded_by_the_window() -> None:
    assert most_alive(lambda clip: smooth(clip, 9)) <= 9 // 2 + 3


def test_relative_light_is_refused() -> None:
    whole = clip(picture(1).unsqueeze(0), gains=torch.tensor([[7.0, 0.5]]))
    with pytest.raises(ValueError, match="anchor it first"):
        list(smooth([whole]))


def test_an_even_window_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="odd number"):
        smooth([], 24)
