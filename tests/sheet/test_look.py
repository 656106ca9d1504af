"""The frame of a sheet is the one that `convert` writes."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from tests.codecs.input_clips import write_clip
from tests.compiled_code import code_of, needs_compiler
from tests.conversions import IDENTITY, exr_light, options
from tests.network.models import random_network
from tsexpand.codecs.exr import finite_half
from tsexpand.colour.ycbcr import Planes
from tsexpand.compiled import Compilation
from tsexpand.convert import convert, motion
from tsexpand.engines import Engine
from tsexpand.engines.devices import Precision
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import InputError
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights
from tsexpand.sheet.look import Look, look
from tsexpand.temporal.cpu_motion import MotionArtefact

UNEVEN = [1000, 1040, 1095, 1140, 1150, 1333, 1400, 1402, 1700, 2100]
WHITE = 203.0


def boiling(count: int) -> list[Planes]:
    """A ramp with faint noise, another one in each frame, so that denoising has to do."""
    generator = torch.Generator().manual_seed(7)
    ramp = torch.linspace(40, 220, 64).expand(48, 64)
    chroma = torch.full((24, 32), 128, dtype=torch.uint8)
    return [((ramp + torch.randn(48, 64, generator=generator)).to(torch.uint8), chroma, chroma) for _ in range(count)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    write_clip(path, boiling(10), pts=UNEVEN)
    return path


def seen(clip: Path, at: Fraction, engine: Engine = IDENTITY, relative: bool = False, **changes: object) -> Look:
    return look(options(clip, Path("-"), **changes), at, engine, relative)


def relative_engine(compilation: Compilation = Compilation.NEVER) -> NetworkEngine:
    weights = Weights(random_network(), Parametrisation.RELATIVE, "test", "", {})
    return NetworkEngine(weights, torch.device("cpu"), Precision.FLOAT32, compilation=compilation)


@pytest.mark.parametrize("number", [0, 1, 4, 9])
@pytest.mark.parametrize(
    "changes", [{}, {"denoise": False}, {"smooth": True}, {"peak": 250.0, "reference_white": 100.0}]
)
def test_it_is_the_frame_of_the_whole_clip(clip: Path, tmp_path: Path, number: int, changes: dict[str, object]) -> None:
    convert(options(clip, tmp_path / "exr", **changes), IDENTITY)
    frame = seen(clip, Fraction(UNEVEN[number] - 1000, 1000), **changes)
    white = float(changes.get("reference_white", WHITE))  # type: ignore[arg-type]
    assert torch.equal(finite_half(frame.hdr / white), finite_half(exr_light(tmp_path / "exr")[number]))
    assert (frame.timing.seconds, frame.seconds) == (
        Fraction(UNEVEN[number], 1000),
        Fraction(UNEVEN[number] - 1000, 1000),
    )


def test_it_is_the_frame_of_relative_light(clip: Path, tmp_path: Path) -> None:
    convert(options(clip, tmp_path / "exr"), relative_engine())
    frame = seen(clip, Fraction(4, 10), relative_engine(), relative=True)
    assert torch.equal(finite_half(frame.hdr / WHITE), finite_half(exr_light(tmp_path / "exr")[6]))


@needs_compiler
def test_it_is_denoised_by_compiled_code_as_a_conversion_is(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_of(MotionArtefact())
    monkeypatch.setattr(motion, "motion_code", lambda on_make: code)
    engine = relative_engine(Compilation.ALWAYS)
    convert(options(clip, tmp_path / "exr"), engine)
    frame = seen(clip, Fraction(4, 10), engine, relative=True)
    assert torch.equal(finite_half(frame.hdr / WHITE), finite_half(exr_light(tmp_path / "exr")[6]))
    assert not torch.equal(frame.hdr, seen(clip, Fraction(4, 10), relative_engine(), relative=True).hdr)


def test_it_is_the_first_frame_of_an_excerpt_from_there(clip: Path, tmp_path: Path) -> None:
    convert(options(clip, tmp_path / "exr", start=Fraction(3, 10), frames=1, denoise=False), IDENTITY)
    frame = seen(clip, Fraction(3, 10), denoise=False)
    assert torch.equal(finite_half(frame.hdr / WHITE), finite_half(exr_light(tmp_path / "exr")[0]))
    assert frame.timing.seconds == Fraction(1333, 1000)


def test_neighbours_that_are_far_in_time_are_found(tmp_path: Path) -> None:
    times = [0, 20_000, 40_000, 60_000]
    write_clip(tmp_path / "slow.mkv", boiling(4), pts=times)
    convert(options(tmp_path / "slow.mkv", tmp_path / "exr"), IDENTITY)
    frame = seen(tmp_path / "slow.mkv", Fraction(60))
    assert torch.equal(finite_half(frame.hdr / WHITE), finite_half(exr_light(tmp_path / "exr")[3]))


def test_the_source_is_what_an_sdr_display_shows(tmp_path: Path) -> None:
    chroma = torch.full((24, 32), 128, dtype=torch.uint8)
    luma = torch.full((48, 64), 126, dtype=torch.uint8)
    luma[:, :16] = 235
    write_clip(tmp_path / "grey.mkv", [(luma, chroma, chroma)] * 2)
    frame = seen(tmp_path / "grey.mkv", Fraction(0))
    assert frame.sdr[:, :, 20:] == pytest.approx(203 * (110 / 219) ** 2.4, rel=1e-5)
    assert (frame.clipped, frame.content_light.max_cll) == (0.25, 203)


def test_beyond_the_end_is_told_with_the_length(clip: Path) -> None:
    with pytest.raises(InputError, match=r"ends before the start at 00:00:05\.000; it is 00:00:01\.1\d\d long"):
        seen(clip, Fraction(5))


def test_a_pipe_is_refused(clip: Path) -> None:
    with pytest.raises(InputError, match="standard input can't be searched"):
        look(replace(options(clip, Path("-")), source="-"), Fraction(0), IDENTITY, False)
