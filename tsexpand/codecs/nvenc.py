"""Pictures that NVENC, an NVIDIA GPU's encoder, takes from where the network left them. No GPU with one has tried it.

So nothing is taken on trust: before a clip begins, a test picture is encoded from there and decoded in software. Where
what comes back is not that picture, the encoder takes its pictures from the CPU, and a notice says why.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import inf
from typing import TypeAlias, cast

import av
import torch
from av.error import FFmpegError
from av.video.frame import CudaContext
from av.video.stream import VideoStream
from torch import Tensor

from ..colour.ycbcr import Planes
from ..replay import whole_device
from .opening import reason
from .pixels import planes_from_frames
from .static_metadata import Coding

Pack: TypeAlias = Callable[[Planes], Tensor]
"""See `DevicePictures.pack`."""

FORMAT = "p010le"
"""10 bit in the upper bits of 16; chroma interleaved."""

_SHIFT = 6

_DECODERS = {Coding.HEVC: "hevc", Coding.AV1: "libdav1d"}

_PITCH = 256
"""Words that the length of a row is a multiple of, as the driver would choose it itself."""

_TESTS = 3
"""Times that the test picture is encoded: once on its own, and as what others are predicted from."""

_CLOSE = 32.0
"""Codes that the test picture may be wrong by on average, at any quality; a plane of another place is by hundreds."""


class _Gpu:
    """What PyTorch and FFmpeg share of a GPU.

    Args:
        device: it.

    Attributes:
        context: where FFmpeg works: where PyTorch does, as in `hardware`.
    """

    def __init__(self, device: torch.device) -> None:
        index = torch.cuda.current_device() if device.index is None else device.index
        self._device = torch.device("cuda", index)
        with self.current():
            self.wait()  # which makes PyTorch's context the current one
            self.make_room()
            # On a queue of its own: in the default one each picture would wait for the network's work on later ones.
            # PyAV takes one of the first device only.
            self._queue: torch.cuda.Stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            queue = None if index else self._queue.cuda_stream
            self.context = CudaContext(index, primary_ctx=False, current_ctx=True, cuda_stream=queue)
            self._pool = torch.cuda.MemPool()

    def current(self) -> AbstractContextManager[object]:
        """Within it, PyTorch works here."""
        return torch.cuda.device(self._device)

    def memory(self) -> AbstractContextManager[object]:
        """Within it, memory is from a pool that lives as long as this: NVENC remembers addresses."""
        return torch.cuda.use_mem_pool(self._pool, self._device)

    def wait(self) -> None:
        """Until all that was queued is done."""
        with whole_device:
            torch.cuda.synchronize(self._device)

    def make_room(self) -> None:
        """Gives back what PyTorch keeps of memory that it does not use: FFmpeg can't use it."""
        with whole_device:
            torch.cuda.empty_cache()


class DevicePictures:
    """Pictures in the memory of a GPU, as NVENC takes them.

    Args:
        device: the GPU.
        width: of the coded picture, even.
        height: likewise.
    """

    def __init__(self, device: torch.device, width: int, height: int) -> None:
        self._device, self._width, self._height = device, width, height
        self._gpu = _Gpu(device)

    def pack(self, planes: Planes) -> Tensor:
        """Code values as blocks of memory, one a picture.

        NVENC is told where luma begins, and takes what lies below it for chroma.

        Args:
            planes: Y′, Cb, Cr of 4:2:0: (N, h, w), uint16, 10-bit codes, on the device; edges are repeated where the
                coded picture is larger.

        Returns:
            (N, rows, words), uint16; it may still be worked on.
        """
        luma, *chroma = (plane.view(torch.int16) << _SHIFT for plane in planes)  # PyTorch shifts no uint16
        count, height, width = luma.shape
        rows, words = self._height * 3 // 2, -(-self._width // _PITCH) * _PITCH
        with self._gpu.memory():
            block = torch.empty((count, rows, words), dtype=torch.int16, device=self._device)
        block[:, :height, :width] = luma
        block[:, :height, width : self._width] = luma[:, :, -1:]
        block[:, height : self._height] = block[:, height - 1 : height]
        block[:, self._height :, : self._width] = torch.stack(chroma, dim=-1).flatten(2)
        return block.view(torch.uint16)

    def picture(self, block: Tensor) -> av.VideoFrame:
        """A picture, without time stamps or colour tags, of a block (rows, words) that is not worked on any more.

        It keeps the block's memory until the encoder has let go of it.
        """
        planes = block[: self._height, : self._width], block[self._height :, : self._width]
        with self._gpu.current():
            size = self._width, self._height
            return av.VideoFrame.from_dlpack(planes, FORMAT, *size, cuda_context=self._gpu.context)

    def make_room(self) -> None:
        """For an encoder that is about to be opened."""
        self._gpu.make_room()

    def shown(self, model: Planes, encoder: av.VideoCodecContext, coding: Coding) -> list[av.VideoFrame]:
        """What becomes of a picture that is encoded from here, several times, and decoded in software.

        Args:
            model: of the size of these pictures.
            encoder: see `tried`.
            coding: likewise.
        """
        block = self.pack(tuple(plane.to(self._device) for plane in model))[0]
        self._gpu.wait()
        packets = []
        for time in range(_TESTS):
            picture = self.picture(block)
            picture.pts, picture.time_base = time, encoder.time_base
            packets += encoder.encode(picture)
        packets += encoder.encode(None)
        return _decoded(packets, encoder, coding)


def tried(
    device: torch.device, size: tuple[int, int], encoder: av.VideoCodecContext, coding: Coding
) -> tuple[DevicePictures | None, str | None]:
    """Pictures on a GPU, after an encoder of such has shown what it makes of them.

    Args:
        device: the GPU.
        size: width and height of the coded picture, even.
        encoder: not yet open, of pictures in the GPU's memory; afterwards perhaps open, and at its end.
        coding: of what it makes.

    Returns:
        The pictures, which are to outlive the encoder, as it knows addresses of their memory; and why they are not to
        be used, None where they are.
    """
    model, pictures = _test_picture(*size), None
    try:
        pictures = DevicePictures(device, *size)
        shown = pictures.shown(model, encoder, coding)
    except torch.OutOfMemoryError:
        return pictures, "the GPU has no memory left for it"
    except (FFmpegError, RuntimeError, MemoryError, ValueError, TypeError, BufferError) as error:
        # Of FFmpeg and CUDA, of PyAV and PyTorch, for which something about these pictures may be strange.
        return pictures, reason(error).partition("\n")[0]
    if len(shown) != _TESTS:
        return pictures, f"of {_TESTS} test pictures {len(shown)} came back"
    if max(_difference(model, picture) for picture in shown) >= _CLOSE:
        return pictures, "a test picture did not come back as it was"
    return pictures, None


def _test_picture(width: int, height: int) -> Planes:
    """Codes of one (1, h, w): luma rises to the lower right, Cb downwards, Cr to the left."""
    across, half = torch.linspace(64, 940, width), torch.linspace(940, 64, width // 2)
    down, half_down = torch.linspace(64, 940, height)[:, None], torch.linspace(64, 940, height // 2)[:, None]
    planes = (across + down) / 2, half_down.expand(-1, width // 2), half.expand(height // 2, -1)
    return tuple(plane[None].to(torch.uint16) for plane in planes)


def _decoded(
    packets: "list[av.Packet[VideoStream]]", encoder: av.VideoCodecContext, coding: Coding
) -> list[av.VideoFrame]:
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(_DECODERS[coding], "r"))
    decoder.extradata = encoder.extradata
    return [picture for packet in (*packets, None) for picture in decoder.decode(packet)]


def _difference(model: Planes, picture: av.VideoFrame) -> float:
    """Codes that the worst plane is wrong by on average."""
    planes = planes_from_frames([picture])
    if [plane.shape for plane in planes] != [plane.shape for plane in model]:
        return inf
    return max(float((ours.int() - its.int()).abs().float().mean()) for ours, its in zip(model, planes, strict=True))
