"""Between the planes of FFmpeg's pictures and tensors of code values."""

from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
import torch.utils.dlpack
from av.video.plane import VideoPlane

from ..colour.ycbcr import Planes
from .pixel_layouts import PixelLayout, pixel_layout

Codes = npt.NDArray[Any]
"""Code values (h, w), uint8 or uint16."""

_GBR = (1, 2, 0)  # FFmpeg keeps planar R′G′B′ as G, B, R


def frame_from_planes(planes: Planes, pixel_format: str) -> av.VideoFrame:
    """A fresh picture from code values, which are copied.

    Args:
        planes: (Y′, Cb, Cr), (R′, G′, B′) or (Y′,): each (h, w), on the CPU, uint8 or uint16.
        pixel_format: FFmpeg's name of a planar little-endian format, such as yuv420p10le; gbrp
            takes R′, G′, B′.

    Returns:
        A picture without time stamps or colour tags.
    """
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    ordered = [planes[i] for i in _GBR] if pixel_format.startswith("gbrp") else planes
    for target, source in zip(frame.planes, ordered, strict=True):
        codes = source.numpy()
        if codes.shape != (target.height, target.width):
            raise ValueError(f"plane {codes.shape} is not {target.height} lines of {target.width}")
        _words(target, codes.dtype.str)[:, : target.width] = codes
    return frame


def planes_from_frames(frames: Sequence[av.VideoFrame]) -> Planes:
    """The code values of decoded pictures of one size and format, copied.

    Args:
        frames: at least one, in a pixel format that `pixel_layout` knows; on a GPU see `planes_on_device`.

    Returns:
        (Y′, Cb, Cr), (R′, G′, B′) or (Y′,): each (N, h, w), uint8 or uint16, at the format's bit
        depth; chroma rounded up where it is smaller.
    """
    if frames[0].sw_format is not None:
        return planes_on_device(frames)
    layout = pixel_layout(frames[0].format.name)
    if layout is None:
        raise ValueError(f"pixel format {frames[0].format.name} can't be read")
    dtype = np.uint8 if layout.bit_depth == 8 else np.uint16
    stacked = []
    for component in layout.components:
        first = _component(frames[0], layout, component)
        codes = np.empty((len(frames), *first.shape), dtype)
        codes[0] = first
        for i, frame in enumerate(frames[1:], start=1):
            codes[i] = _component(frame, layout, component)
        stacked.append(torch.from_numpy(codes))
    return tuple(stacked)


def stored_format(frame: av.VideoFrame) -> str:
    """FFmpeg's name of how the samples of a picture are kept, be it on the CPU or on a GPU, of which `format` tells."""
    return (frame.sw_format or frame.format).name


def planes_on_device(frames: Sequence[av.VideoFrame]) -> Planes:
    """The code values of pictures that a GPU has decoded, copied there; they are whole when this returns.

    Args:
        frames: at least one, of one size, in nv12 or p010le.

    Returns:
        As of `planes_from_frames`, on the device of the frames; of odd sizes PyAV rounds chroma down.
    """
    layout = pixel_layout(stored_format(frames[0]))
    assert layout is not None
    luma, chroma = zip(*(map(_shared, frame.planes) for frame in frames), strict=True)
    words = torch.stack(luma), *(torch.stack([both[..., i] for both in chroma]) for i in range(2))
    planes = tuple(_codes(plane, layout) for plane in words)
    if planes[0].is_cuda:  # FFmpeg has worked on the same stream, the device's default; who takes them over may not
        torch.cuda.current_stream(planes[0].device).synchronize()
    return planes


def _shared(plane: VideoPlane) -> torch.Tensor:
    """The memory of a plane as a tensor, uint8 or, as PyTorch does little with uint16, int16."""
    # Of a plane itself PyTorch would ask to have its stream waited for, which PyAV refuses.
    words: torch.Tensor = torch.utils.dlpack.from_dlpack(plane.__dlpack__())
    return words if words.dtype is torch.uint8 else words.view(torch.int16)


def _codes(words: torch.Tensor, layout: PixelLayout) -> torch.Tensor:
    if words.dtype is torch.uint8:
        return words
    largest = (1 << layout.bit_depth) - 1  # which cuts off the sign that a shift has spread
    return (words >> layout.shift).bitwise_and_(largest).view(torch.uint16)


def alpha_from_frames(frames: Sequence[av.VideoFrame]) -> torch.Tensor | None:
    """Opacity of decoded pictures of one size and format: (N, H, W), float32 in [0, 1]; None where they have none."""
    layout = pixel_layout(frames[0].format.name)
    if layout is None or not layout.has_alpha:
        return None
    peak = (1 << layout.bit_depth) - 1  # opacity has no limited range
    planes = [torch.from_numpy(_component(frame, layout, "a").astype(np.float32)) for frame in frames]
    return torch.stack(planes).div_(peak)


_PALETTE_ALPHA = -1
"""Where, behind red, opacity stands in an entry of a palette."""


def opacity_of(frame: av.VideoFrame) -> torch.Tensor | None:
    """Opacity of one picture, see `alpha_from_frames`; of a palette that of its entries, where not all is opaque."""
    if frame.format.name != "pal8":
        return alpha_from_frames([frame])
    codes = _palette_entry(frame, _PALETTE_ALPHA)
    return None if (codes == 255).all() else torch.from_numpy(codes.astype(np.float32)).div_(255).unsqueeze(0)


def _component(frame: av.VideoFrame, layout: PixelLayout, component: str) -> Codes:
    """One component of a picture: a view of the decoder's memory where that is possible."""
    if layout.fields:
        return _bit_field(frame, layout, layout.components.index(component))
    if layout.pixel_format == "pal8":
        return _palette_entry(frame, "rgb".index(component))
    if layout.pixel_format in ("monow", "monob"):
        return _bitmap(frame, white=0 if layout.pixel_format == "monow" else 1)
    index = next(i for i, pattern in enumerate(layout.patterns) if component in pattern)
    pattern = layout.patterns[index]
    width = frame.format.chroma_width() if component in "uv" else frame.width
    step = len(pattern) // pattern.count(component)
    codes: Codes = _words(frame.planes[index], layout.word)[:, pattern.index(component) :: step][:, :width]
    return codes >> layout.shift if layout.shift else codes


def _words(plane: VideoPlane, word: str) -> Codes:
    """A view of a plane's words, row by row from the top, with the padding of its rows."""
    stride = abs(plane.line_size)
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, stride)  # type: ignore[call-overload]
    size = np.dtype(word).itemsize
    words: Codes = rows[:, : stride // size * size].view(word)
    return words if plane.line_size > 0 else words[::-1]  # negative: kept from the bottom up


def _bit_field(frame: av.VideoFrame, layout: PixelLayout, index: int) -> Codes:
    low, bits = layout.fields[index]
    words = _words(frame.planes[0], layout.word)[:, : frame.width]
    largest = (1 << bits) - 1
    codes = (words >> low) & largest
    return codes if bits >= 8 else (codes * 255 + largest // 2) // largest


def _palette_entry(frame: av.VideoFrame, index: int) -> Codes:
    """Red, green, blue (0 to 2) or alpha of a palette of native-endian 0xAARRGGBB."""
    picture, palette = frame.planes
    colours = np.frombuffer(palette, np.uint32)  # type: ignore[call-overload]
    table = ((colours >> (16 - 8 * index)) & 255).astype(np.uint8)
    codes: Codes = table[_words(picture, "u1")[:, : frame.width]]
    return codes


def _bitmap(frame: av.VideoFrame, white: int) -> Codes:
    bits = np.unpackbits(_words(frame.planes[0], "u1"), axis=1)[:, : frame.width]
    return np.where(bits == white, np.uint8(255), np.uint8(0))
