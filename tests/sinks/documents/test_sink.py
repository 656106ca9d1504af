"""Documents of real conversions, mostly by the engine that changes nothing."""

import errno
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.codecs.input_clips import write_clip
from tests.conversions import IDENTITY, options
from tests.sinks.batches import light_batch, video_info
from tests.sinks.documents.test_dovi import check_schema as check_dovi
from tests.sinks.documents.test_hdr10plus import check_schema as check_hdr10plus
from tests.test_convert import TAGS, VFR, Failing, Planes, flat, left
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.signal import HLG10
from tsexpand.convert import ConvertReport, convert
from tsexpand.errors import DeviceError, OutputError
from tsexpand.sinks.delivery import Delivery, delivery_of
from tsexpand.sinks.documents import Document, document_of, sink
from tsexpand.sinks.documents.provenance import Provenance


def letterbox(luma: int, cb: int = 128) -> Planes:
    """A flat picture with black bars of eight rows."""
    picture = flat(luma, cb)
    for plane, black, bar in zip(picture, (16, 128, 128), (8, 4, 4), strict=True):
        plane[:bar] = plane[-bar:] = black
    return picture


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A blue shot of three frames and a grey one of five at uneven times, between bars."""
    path = tmp_path / "clip.mkv"
    pictures = [letterbox(60 + i, 170) for i in range(3)] + [letterbox(179 + i) for i in range(5)]
    write_clip(path, pictures, pts=VFR, tags=TAGS, audio_seconds=(0.4,))
    return path


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def run(clip: Path, *names: str, **changes: Any) -> ConvertReport:
    return convert(options(clip, *(clip.parent / name for name in names), denoise=False, **changes), IDENTITY)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", Document.SIDECAR),
        ("a.b.JSON", Document.SIDECAR),
        ("a.dovi.json", Document.DOLBY_VISION),
        ("dovi.json", Document.DOLBY_VISION),
        ("odd\n.hdr10plus.json", Document.HDR10_PLUS),
        ("nodovi.json", Document.SIDECAR),
        ("a.json.mkv", None),
        ("json", None),
    ],
)
def test_names_say_which_document_is_meant(name: str, kind: Document | None) -> None:
    assert document_of(Path(name)) is kind
    assert (delivery_of(Path(name)) is Delivery.DOCUMENT) == (kind is not None)


def test_all_documents_come_of_one_pass_with_the_video(clip: Path) -> None:
    report = run(clip, "a.json", "out.mkv", "a.dovi.json", "a.hdr10plus.json")
    folder = clip.parent
    assert left(folder) == ["a.dovi.json", "a.hdr10plus.json", "a.json", "clip.mkv", "out.mkv"]
    sidecar, dovi, plus = (read(folder / f"a{kind}.json") for kind in ("", ".dovi", ".hdr10plus"))
    check_dovi(dovi)
    check_hdr10plus(plus)
    assert [frame["pts"] for frame in sidecar["frames"]] == VFR and sidecar["time_base"] == "1/1000"
    assert [frame["shot"] for frame in sidecar["frames"]] == [0] * 3 + [1] * 5
    assert [(shot["first"], shot["frames"]) for shot in sidecar["shots"]] == [(0, 3), (3, 5)]
    assert [(shot["start"], shot["duration"]) for shot in dovi["shots"]] == [(0, 3), (3, 5)]
    assert plus["SceneInfoSummary"] == {"SceneFirstFrameIndex": [0, 3], "SceneFrameNumbers": [3, 5]}
    # Of eight rows of bar, upsampled chroma lights the last.
    assert dovi["level5"]["active_area_top_offset"] == dovi["level5"]["active_area_bottom_offset"] == 7
    assert sidecar["complete"]
    assert [Path(name).name for name in sidecar["outputs"]] == ["a.json", "out.mkv", "a.dovi.json", "a.hdr10plus.json"]
    assert report.frames == 8


def test_light_is_that_of_the_sdr_display(clip: Path) -> None:
    run(clip, "a.json")
    sidecar = read(clip.parent / "a.json")
    expected = [203 * ((luma - 16) / 219) ** 2.4 for luma in (179, 180, 181, 182, 183)]
    grey = sidecar["frames"][3:]
    assert [frame["max_rgb"] for frame in grey] == pytest.approx(expected, rel=1e-4)
    assert [frame["average"] for frame in grey] == pytest.approx([e * 2 / 3 for e in expected], rel=1e-4)


def test_light_levels_are_those_of_the_video(clip: Path) -> None:
    alone = run(clip, "out.mp4").content_light
    together = run(clip, "b.mkv", "b.json", "b.dovi.json").content_light
    assert alone is not None and alone == together == run(clip, "c.json").content_light
    assert (alone.max_cll, alone.max_fall) == (106, 71)
    for name in ("b.json", "c.json"):
        assert read(clip.parent / name)["light"] == {"max_cll": 106, "max_fall": 71}
    level6 = read(clip.parent / "b.dovi.json")["level6"]
    assert (level6["max_content_light_level"], level6["max_frame_average_light_level"]) == (106, 71)


def test_light_levels_are_those_that_ffprobe_reads_in_the_video(clip: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("needs ffprobe")
    run(clip, "out.mp4", "a.json")
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(clip.parent / "out.mp4")]
    video = json.loads(subprocess.check_output(command))["streams"][0]
    (levels,) = [side for side in video["side_data_list"] if "max_content" in side]
    written = {"max_cll": levels["max_content"], "max_fall": levels["max_average"]}
    assert read(clip.parent / "a.json")["light"] == written


def test_the_batch_size_does_not_show(clip: Path) -> None:
    documents = []
    for size in (1, 3, 8):
        run(clip, f"{size}.json", f"{size}.hdr10plus.json", batch_size=size)
        sidecar = read(clip.parent / f"{size}.json")
        documents.append((sidecar["frames"], sidecar["shots"], read(clip.parent / f"{size}.hdr10plus.json")))
    assert documents[0] == documents[1] == documents[2]


def test_a_document_alone_writes_no_pictures(clip: Path) -> None:
    report = run(clip, "light.json")
    assert left(clip.parent) == ["clip.mkv", "light.json"]
    assert report.frames == 8 and report.content_light is not None


@pytest.mark.parametrize("name", ["a.dovi.json", "a.hdr10plus.json"])
def test_metadata_of_pq_does_not_go_with_hlg(clip: Path, name: str) -> None:
    with pytest.raises(OutputError, match="describes PQ"):
        run(clip, "out.mkv", name, signal=HLG10)
    assert left(clip.parent) == ["clip.mkv"]


def test_a_sidecar_goes_with_hlg(clip: Path) -> None:
    report = run(clip, "out.mkv", "a.json", signal=HLG10)
    assert report.content_light is None
    assert read(clip.parent / "a.json")["light"] == {"max_cll": 106, "max_fall": 71}


@pytest.mark.parametrize("names", [("a.json",), ("a.mkv", "b.json", "b.dovi.json")])
def test_an_engine_that_raises_leaves_nothing(clip: Path, names: tuple[str, ...]) -> None:
    outputs = [clip.parent / name for name in names]
    with pytest.raises(DeviceError, match="out of memory"):
        convert(options(clip, *outputs, batch_size=1), Failing(DeviceError("out of memory")))
    assert left(clip.parent) == ["clip.mkv"]


def test_a_full_disk_leaves_no_document(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(record: object) -> Iterator[str]:
        yield "{"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sink, "hdr10plus_lines", full)
    with pytest.raises(OutputError, match=r"a\.hdr10plus\.json: disk full"):
        run(clip, "a.json", "a.hdr10plus.json")
    assert left(clip.parent) == ["clip.mkv"]


def test_a_beginning_is_called_so(tmp_path: Path) -> None:
    outputs = [tmp_path / "a.json", tmp_path / "a.dovi.json"]
    with sink.DocumentSink(outputs, video_info(), mastering_display(1000), False, True, Provenance) as documents:
        documents.write(documents.prepare(light_batch(100, [0, 1])))
        documents.finish(partial=True)
        names = documents.commit(partial=True)
    assert names == (tmp_path / "a.partial.json", tmp_path / "a.partial.dovi.json")
    assert left(tmp_path) == ["a.partial.dovi.json", "a.partial.json"]
    assert not read(names[0])["complete"]
    check_dovi(read(names[1]))


def test_documents_are_only_replaced_when_told(clip: Path) -> None:
    (clip.parent / "a.json").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        run(clip, "out.mkv", "b.json", "a.json")
    assert left(clip.parent) == ["a.json", "clip.mkv"] and (clip.parent / "a.json").read_text() == "mine"
    run(clip, "a.json", overwrite=True)
    assert read(clip.parent / "a.json")["schema"] == "tsexpand sidecar"


def test_a_missing_folder_is_an_output_error(clip: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        run(clip, "no/a.json")
