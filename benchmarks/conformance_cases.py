"""Clips of kinds that ../shared/video does not hold, made by FFmpeg's own command: nothing of ours is in them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

SECONDS = 2

_PICTURE = f"testsrc2=size=320x240:rate=25:duration={SECONDS}"
_FIELDS = f"testsrc2=size=320x240:rate=50:duration={SECONDS}"
_SOUND = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}")
_HD = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18")

CASES: dict[str, tuple[str, ...]] = {
    "gen_interlaced_tff.mp4": (_FIELDS, "-vf", "tinterlace=interleave_top", *_X264, "-flags", "+ildct+ilme", *_HD),
    "gen_interlaced_bff_mpeg2.ts": (
        *(_FIELDS, "-vf", "tinterlace=interleave_bottom,fieldorder=bff", "-c:v", "mpeg2video", "-q:v", "3"),
        *("-flags", "+ildct+ilme", "-top", "0"),
    ),
    "gen_dv_ntsc_411.avi": (
        *("testsrc2=size=720x480:rate=60000/1001:duration=1", "-vf", "tinterlace=interleave_bottom,fieldorder=bff"),
        *("-pix_fmt", "yuv411p", "-c:v", "dvvideo", "-aspect", "4:3"),
    ),
    "gen_dv_pal_420.dv": ("testsrc2=size=720x576:rate=25:duration=1", "-pix_fmt", "yuv420p", "-c:v", "dvvideo"),
    "gen_prores_hq.mov": (_PICTURE, "-c:v", "prores_ks", "-profile:v", "hq", "-pix_fmt", "yuv422p10le", *_HD),
    "gen_prores_4444_alpha.mov": (
        *(_PICTURE + ",format=yuva444p10le,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='1023*X/W'",),
        *("-c:v", "prores_ks", "-profile:v", "4444", *_HD),
    ),
    "gen_mpeg2_422.mxf": (_PICTURE, "-c:v", "mpeg2video", "-pix_fmt", "yuv422p", "-q:v", "3", *_HD),
    "gen_mjpeg_full.mov": (_PICTURE, "-c:v", "mjpeg", "-pix_fmt", "yuvj422p", "-q:v", "3"),
    "gen_hevc_12bit.mkv": (
        *(_PICTURE, "-c:v", "libx265", "-preset", "ultrafast", "-crf", "10", "-pix_fmt", "yuv420p12le"),
        *("-x265-params", "log-level=none", *_HD),
    ),
    "gen_ffv1_444_12bit.mkv": (_PICTURE, "-c:v", "ffv1", "-level", "3", "-pix_fmt", "yuv444p12le", *_HD),
    "gen_ffv1_rgb.mkv": (_PICTURE, "-c:v", "ffv1", "-level", "3", "-pix_fmt", "gbrp"),
    "gen_ffv1_gray16.mkv": (_PICTURE, "-c:v", "ffv1", "-level", "3", "-pix_fmt", "gray16le"),
    "gen_open_gop.mp4": (_PICTURE, *_X264, "-x264-params", "open-gop=1:keyint=12:bframes=3:log-level=none", *_HD),
    "gen_sar_16_11.mp4": (_PICTURE, "-vf", "setsar=16/11", *_X264, *_HD),
    "gen_vfr_bframes.mkv": (
        *(_PICTURE, "-vf", "select='lt(mod(n\\,7)\\,4)'", "-vsync", "vfr", *_X264, "-x264-params", "log-level=none"),
        *_HD,
    ),
    "gen_one_frame.mp4": (_PICTURE, "-frames:v", "1", *_X264, *_HD),
    "gen_59_94.mp4": ("testsrc2=size=320x240:rate=60000/1001:duration=1", *_X264, *_HD),
}
"""Name of the file; the test source and FFmpeg's options. Those with pictures of 25 a second get sound, too."""


def ffmpeg(*arguments: object) -> None:
    """Runs FFmpeg's command; its own words if it fails."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def make_cases(folder: Path) -> Iterator[Path]:
    """Makes all of them in a folder."""
    for name, (picture, *options) in CASES.items():
        sound = _SOUND if picture in (_PICTURE, _FIELDS) and not name.endswith("one_frame.mp4") else ()
        bits = () if name.endswith((".dv", ".mxf")) else ("-fflags", "+bitexact")
        ffmpeg("-f", "lavfi", "-i", picture, *sound, *options, *bits, folder / name)
        yield folder / name
    yield _with_cover(folder)
    yield _changing(folder)


def _with_cover(folder: Path) -> Path:
    """A video with cover art beside its moving pictures, first in the file."""
    cover, path = folder / "cover.png", folder / "gen_cover_art.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1", "-frames:v", 1, cover)
    clip = folder / "gen_open_gop.mp4"
    ffmpeg("-i", cover, "-i", clip, "-map", 0, "-map", 1, "-c", "copy", "-disposition:v:0", "attached_pic", path)
    cover.unlink()
    return path


def _changing(folder: Path) -> Path:
    """A broadcast whose pictures change their size in the middle."""
    path = folder / "gen_changes_size.ts"
    parts = []
    for number, size in enumerate(("320x240", "176x144")):
        part = folder / f"part{number}.ts"
        source = f"testsrc2=size={size}:rate=25:duration=1"
        ffmpeg("-f", "lavfi", "-i", source, *_X264, *_HD, "-output_ts_offset", number, part)
        parts.append(part)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path
