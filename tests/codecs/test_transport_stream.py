"""MPEG-TS files: what they say, and what they can't."""

from pathlib import Path

import av
import pytest

from tests.codecs.written import INFO, steady, witness, write_video
from tsexpand.codecs.mux import Container
from tsexpand.errors import OutputError
from tsexpand.verify import verify


def test_pictures_times_and_mastering_display(tmp_path: Path) -> None:
    notices = write_video(tmp_path / "clip.ts", Container.TS, times=steady(9))
    assert notices == ("light levels are declared as 0, unknown: they are known, and told, at the end.",)
    with av.open(tmp_path / "clip.ts") as container:
        frames = list(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (9, 16, 9)
    times = [frame.pts * frame.time_base for frame in frames]
    assert [time - times[0] for time in times] == [i * 12 * INFO.time_base for i in range(9)]
    keyframes = [frame for frame in frames if frame.key_frame]
    assert len(keyframes) == 3
    for frame in keyframes:
        assert "MASTERING_DISPLAY_METADATA" in {data.type.name for data in frame.side_data}
        light = next(data for data in frame.side_data if data.type.name == "CONTENT_LIGHT_LEVEL")
        assert bytes(light) == bytes(8)  # 0 and 0


def test_a_decoder_may_enter_at_every_keyframe(tmp_path: Path) -> None:
    """Parameter sets stand before each, not at the beginning only."""
    write_video(tmp_path / "clip.ts", Container.TS, times=steady(9))
    with av.open(tmp_path / "clip.ts") as container:
        start = [packet.pos for packet in container.demux(video=0) if packet.is_keyframe][1]
    (tmp_path / "rest.ts").write_bytes((tmp_path / "clip.ts").read_bytes()[start:])
    with av.open(tmp_path / "rest.ts") as container:
        assert len(list(container.decode(video=0))) == 5


def test_mediainfo_sees_hdr10(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.ts", Container.TS)
    assert "HDR10" in witness("mediainfo", "--Inform=Video;%HDR_Format_Compatibility%", str(tmp_path / "clip.ts"))


def test_av1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"TS does not hold av1; use \.mp4 or \.mkv, or one of hevc"):
        write_video(tmp_path / "clip.ts", Container.TS, "av1")


def test_it_passes_our_own_check(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.ts", Container.TS)
    report = verify(str(tmp_path / "clip.ts"))
    assert report.passed and report.frames == 5
