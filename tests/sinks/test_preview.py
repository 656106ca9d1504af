"""The SDR preview: what it carries, what a witness says, and that it does not flicker."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from tests.codecs.input_clips import grey_ramp, write_clip
from tests.codecs.written import ffprobe
from tests.conversions import IDENTITY, options, seconds
from tsexpand.cli.convert import convert_command
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.colour.codes import Primaries
from tsexpand.colour.sdr_tone import Tone
from tsexpand.convert import convert
from tsexpand.errors import OutputError
from tsexpand.frames import LightBatch, Timing
from tsexpand.sinks.preview_signal import PreviewSignal

TAGS = {"color_primaries": 1, "color_trc": 1, "colorspace": 1, "color_range": 1}
every_tone = pytest.mark.parametrize("tone", Tone)
every_fixed_tone = pytest.mark.parametrize("tone", [tone for tone in Tone if tone is not Tone.MANTIUK])


def light_batch(light: Tensor, primaries: Primaries = Primaries.BT709) -> LightBatch:
    timings = tuple(Timing(i, Fraction(1, 25)) for i in range(len(light)))
    return LightBatch(light, primaries, timings, torch.zeros(len(light), 3, 32, 32))


def codes(light: Tensor, tone: Tone, primaries: Primaries = Primaries.BT709) -> tuple[Tensor, ...]:
    return PreviewSignal(tone, 1000, 203).prepare(light_batch(light, primaries), Tensor.cpu).planes


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(path) as container:
        return list(container.decode(video=0))


@every_fixed_tone
def test_a_highlight_that_comes_and_goes_moves_nothing_else(tone: Tone) -> None:
    scene = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(5)) * 300
    light = scene.repeat(6, 1, 1, 1)
    light[1::2, :, 20:24, 30:34] = 1000.0
    for plane in codes(light, tone):
        still = plane.clone()
        scale = 64 // plane.shape[1]
        still[:, 18 // scale : 26 // scale, 28 // scale : 36 // scale] = 0
        assert all(torch.equal(still[0], frame) for frame in still)
        assert not torch.equal(plane[0], plane[1]) or plane.shape[1] < 64  # the highlight itself does


@every_fixed_tone
def test_a_frame_is_the_same_in_any_batch(tone: Tone) -> None:
    light = torch.rand(3, 3, 48, 64, generator=torch.Generator().manual_seed(6)) * 900
    for together, alone in zip(codes(light, tone), codes(light[1:2], tone), strict=True):
        assert torch.equal(together[1], alone[0])


@pytest.mark.parametrize(
    ("tone", "luma"),
    [
        (Tone.BT2390, 213.8),
        (Tone.REINHARD, 182.9),
        (Tone.DRAGO, 186.7),
        (Tone.EXPOSURE, 180.1),
        (Tone.MANTIUK, 235.0),  # where there are no highlights
    ],
)
def test_reference_white_in_code_values(tone: Tone, luma: float) -> None:
    luminance, cb, cr = codes(torch.full((1, 3, 64, 64), 203.0), tone)
    assert luminance.float().mean() == pytest.approx(luma, abs=0.1)
    assert (cb == 128).all() and (cr == 128).all()


@every_tone
def test_black_and_the_peak_in_code_values(tone: Tone) -> None:
    luma, cb, cr = codes(torch.tensor([0.0, 1000.0])[:, None, None, None].expand(2, 3, 48, 64).contiguous(), tone)
    assert (
        (luma[0] == 16).all()
        and (luma[1] >= 234).all()
        and luma[1].float().mean() > 234.95
        and (cb == 128).all()
        and (cr == 128).all()
    )


def test_wide_colours_stay_apart() -> None:
    """Reds of BT.2020 outside BT.709: in a hard clip they would become one."""
    greens = torch.stack([torch.tensor([r, 200.0, r]) for r in (0.0, 20.0, 40.0)])[:, :, None, None]
    light = greens.expand(3, 3, 16, 16).contiguous()
    _, cb, _ = codes(light, Tone.BT2390, Primaries.BT2020)
    means = cb.float().mean(dim=(1, 2))
    assert means[0] < means[1] - 1 and means[1] < means[2] - 1


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_player_is_told_what_it_is(tmp_path: Path, suffix: str) -> None:
    clip, preview = tmp_path / "clip.mkv", tmp_path / f"preview.{suffix}"
    uneven = [0, 40, 95, 140, 150, 333]
    sound = write_clip(clip, grey_ramp(6), pts=uneven, tags=TAGS, audio_seconds=(0.4,))
    report = convert(options(clip, tmp_path / "out.mkv", preview, preview=preview), IDENTITY)
    assert report.content_light is not None  # of the HDR10
    video = frames(preview)
    assert seconds(preview) == [Fraction(t, 1000) for t in uneven]
    assert {(f.format.name, f.color_range, f.colorspace, f.color_trc, f.color_primaries) for f in video} == {
        ("yuv420p", 1, 1, 1, 1)
    }
    with av.open(preview) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert b"".join(bytes(p) for p in container.demux(audio=0)) == b"".join(sound[0])
    witness = ffprobe(preview)["streams"][0]
    tags = ("profile", "pix_fmt", "color_range", "color_space", "color_transfer", "color_primaries")
    assert [witness[tag] for tag in tags] == ["High", "yuv420p", "tv", "bt709", "bt709", "bt709"]
    assert not witness.get("side_data_list")


def test_mid_tones_are_those_of_the_sdr_clip(tmp_path: Path) -> None:
    ramp = grey_ramp(30)  # luma 16 to 132
    write_clip(tmp_path / "clip.mkv", ramp, tags=TAGS)
    preview = tmp_path / "preview.mkv"
    convert(options(tmp_path / "clip.mkv", preview, preview=preview), IDENTITY)
    shown = [np.frombuffer(f.planes[0], np.uint8).reshape(48, -1)[:, :64].mean() for f in frames(preview)]
    assert shown == pytest.approx([float(planes[0][0, 0]) for planes in ramp], abs=1.01)


def test_odd_sizes_are_padded(tmp_path: Path) -> None:
    chroma = torch.full((25, 33), 128, dtype=torch.uint8)
    write_clip(tmp_path / "clip.mkv", [(torch.full((49, 65), 90, dtype=torch.uint8), chroma, chroma)] * 2, tags=TAGS)
    preview = tmp_path / "preview.mp4"
    report = convert(options(tmp_path / "clip.mkv", tmp_path / "exr", preview, preview=preview), IDENTITY)
    assert (frames(preview)[0].width, frames(preview)[0].height) == (66, 50)
    assert any("65×49 to 66×50" in notice for notice in report.notices)


def test_a_preview_that_exists_stays(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(2), tags=TAGS)
    preview = tmp_path / "preview.mp4"
    preview.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        convert(options(tmp_path / "clip.mkv", tmp_path / "exr", preview, preview=preview), IDENTITY)
    assert preview.read_bytes() == b"mine" and not (tmp_path / "exr").exists()


def test_the_command_of_the_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(2), tags=TAGS)
    monkeypatch.chdir(tmp_path)
    arguments = ["clip.mkv", "out.mkv", "--also", "second.mkv", "--also", "preview.mp4", "--preview-tone", "reinhard"]
    result = CliRunner().invoke(convert_command, [*arguments, "--preset", "ultrafast"])
    assert result.exit_code == 0, result.exception
    kinds = {name: frames(tmp_path / name)[0].format.name for name in ("out.mkv", "second.mkv", "preview.mp4")}
    assert kinds == {"out.mkv": "yuv420p10le", "second.mkv": "yuv420p10le", "preview.mp4": "yuv420p"}


@pytest.mark.parametrize("also", [[], ["--also", "exr"], ["--also", "a.json", "--also", "exr"]])
def test_a_tone_without_a_preview_is_a_slip(also: list[str]) -> None:
    result = CliRunner().invoke(convert_command, ["clip.mkv", "out.mkv", *also, "--preview-tone", "drago"])
    assert result.exit_code == 2 and "--preview-tone needs an --also" in result.output


def test_what_is_padded_is_said_to_be_the_preview(tmp_path: Path) -> None:
    """Beside an archive that keeps its size."""
    clip, preview = tmp_path / "clip.mkv", tmp_path / "preview.mp4"
    write_clip(clip, [(torch.full((9, 17), 90, dtype=torch.uint8),) * 3] * 2, "yuv444p", tags=TAGS)
    ffv1 = EncoderOptions("ffv1")
    report = convert(options(clip, tmp_path / "out.mkv", preview, preview=preview, encoder=ffv1), IDENTITY)
    (padded,) = (notice for notice in report.notices if "padded" in notice)
    assert padded.startswith("pictures of the preview padded from 17×9 to 18×10") and "ffv1" not in padded
