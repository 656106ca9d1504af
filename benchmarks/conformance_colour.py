"""What colours a delivery should have, by others' arithmetic: zimg's for Y′CbCr, colour-science's for light.

Nothing of ours computes a colour here. The reference is what an SDR display shows (BT.1886, white at 203 cd/m²), which
is what a conversion without a network delivers.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import colour
import numpy as np

from tsexpand.colour.codes import Matrix, Primaries, SignalRange, Transfer
from tsexpand.frames import VideoInfo

WHITE = 203.0
BLOCK = 8
"""Pixels of light that are averaged before they are compared: coding noise and dither are no colour errors."""

_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0"
"""What zimg takes of subsampled pictures."""

_TO_RGB = "matrix=gbr:range=full:filter=bilinear,format=gbrpf32"

_MATRICES = {
    Matrix.BT709: "709",
    Matrix.SMPTE170M: "170m",
    Matrix.BT470BG: "470bg",
    Matrix.BT2020_NCL: "2020_ncl",
    Matrix.SMPTE240M: "240m",
    Matrix.FCC: "fcc",
}
_XY = {
    Primaries.BT709: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    Primaries.SMPTE170M: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    Primaries.BT470BG: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    Primaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
}
_D65 = (0.3127, 0.3290)


@dataclass(frozen=True)
class ColourError:
    """ΔE_ITP (BT.2124; 1 is just noticeable) between blocks of two pictures: median, and 99 of 100 are below `most`."""

    median: float
    most: float


def colour_error(reference: np.ndarray, found: np.ndarray) -> ColourError:
    """Between pictures of BT.2020 light, (H, W, 3), cd/m²; of what both have, as one may be padded or cut to even."""
    height, width = (min(sides) for sides in zip(reference.shape[:2], found.shape[:2], strict=True))
    one, other = (_ictcp(_blocks(light[:height, :width])) for light in (reference, found))
    errors = colour.difference.delta_E_ITP(one, other)
    return ColourError(float(np.median(errors)), float(np.quantile(errors, 0.99)))


def source_light(clip: Path, stream: int, info: VideoInfo, number: int) -> np.ndarray:
    """Of a picture of the source, as coded, as `info` understands its tags."""
    signal = _signal(clip, stream, number, info)
    eotf = _EOTFS.get(info.signal.transfer, _bt1886)
    return _to_bt2020(WHITE * eotf(signal.clip(0, 1)), info.signal.primaries)


_EOTFS = {
    Transfer.SRGB: colour.models.eotf_sRGB,
    Transfer.GAMMA22: lambda signal: signal**2.2,
    Transfer.GAMMA28: lambda signal: signal**2.8,
}
"""Of those tags that mean a display of their own; all others mean BT.1886's."""


def exr_light(path: Path) -> np.ndarray:
    """Of an EXR picture, 1.0 = white, BT.709."""
    return _to_bt2020(WHITE * _picture(path, 0, 0, "format=gbrpf32"), Primaries.BT709)


def video_light(path: Path, stream: int, number: int, siting: str, is_hlg: bool) -> np.ndarray:
    """Of a picture of HDR video, of chroma sited left or topleft."""
    convert = f"{_EVEN},zscale=matrixin=2020_ncl:rangein=limited:chromalin={siting}:{_TO_RGB}"
    signal = _picture(path, stream, number, convert).clip(0, 1)
    if is_hlg:
        return colour.models.eotf_BT2100_HLG(signal, L_B=0, L_W=1000)
    return colour.models.eotf_ST2084(signal)


def _bt1886(signal: np.ndarray) -> np.ndarray:
    return colour.models.eotf_BT1886(signal, L_B=0, L_W=1)


def _signal(clip: Path, stream: int, number: int, info: VideoInfo) -> np.ndarray:
    """R′G′B′ of a picture of the source, (H, W, 3)."""
    form = info.signal
    full, bits = form.signal_range is SignalRange.FULL, form.bit_depth
    is_interlaced = any(notice.startswith("Interlaced") for notice in info.notices)
    before = "bwdif=mode=send_frame:deint=interlaced," if is_interlaced else ""
    if info.pixel_format.startswith("gray"):
        codes = _picture(clip, stream, number, f"format={info.pixel_format}", before, "pgm")
        low, high = (0, 2**bits - 1) if full else (16 << bits - 8, 235 << bits - 8)
        return np.repeat((codes - low) / (high - low), 3, axis=-1)
    if form.matrix is Matrix.IDENTITY:
        whole = ("rgb24", 255) if bits == 8 else ("rgb48", 65535)  # what swscale makes of float is too dark by 0.4 %
        return _picture(clip, stream, number, f"format={whole[0]}", before, "ppm") / whole[1]
    given = f"matrixin={_MATRICES[form.matrix]}:rangein={'full' if full else 'limited'}"
    convert = f"{_EVEN},zscale={given}:chromalin={form.chroma_location.value}:{_TO_RGB}"
    return _picture(clip, stream, number, convert, before)


def _picture(path: Path, stream: int, number: int, convert: str, before: str = "", codec: str = "pfm") -> np.ndarray:
    """One picture (H, W, C) as FFmpeg's own command gives it.

    FFmpeg writes PFM from the first row down, as the others and against the format's rule.
    """
    command = ["ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", str(path), "-map", f"0:{stream}"]
    command += ["-vf", f"{before}select=eq(n\\,{number}),{convert}", "-frames:v", "1", "-vsync", "passthrough"]
    command += ["-c:v", codec, "-f", "image2pipe", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    kind, width, height, scale, pixels = re.match(rb"(\S+)\s(\d+)\s(\d+)\s(\S+)\s(.*)", data, re.DOTALL).groups()
    order = "<" if float(scale) < 0 else ">"
    values = np.frombuffer(pixels, "u1" if scale == b"255" else order + ("f4" if kind == b"PF" else "u2"))
    return values.reshape(int(height), int(width), -1).astype(np.float64)


def _to_bt2020(light: np.ndarray, primaries: Primaries) -> np.ndarray:
    spaces = [
        colour.RGB_Colourspace(p.name, np.array(_XY[p]), np.array(_D65), use_derived_matrix_RGB_to_XYZ=True)
        for p in (primaries, Primaries.BT2020)
    ]
    matrix = np.linalg.inv(spaces[1].matrix_RGB_to_XYZ) @ spaces[0].matrix_RGB_to_XYZ
    return np.einsum("ij,hwj->hwi", matrix, light)


def _blocks(light: np.ndarray) -> np.ndarray:
    """Means of blocks of pixels."""
    height, width = (max(1, n // BLOCK) for n in light.shape[:2])
    side = [min(BLOCK, n) for n in light.shape[:2]]
    cut = light[: height * side[0], : width * side[1]]
    return cut.reshape(height, side[0], width, side[1], 3).mean((1, 3))


def _ictcp(light: np.ndarray) -> np.ndarray:
    return colour.RGB_to_ICtCp(light.clip(0, None), method="ITU-R BT.2100-2 PQ")
