"""Decoding on an NVIDIA GPU (NVDEC), where the pictures stay.

Nothing is taken on trust: the first picture is decoded in software too, and the GPU goes on only if its own is the
same, bit by bit. Where it is not, or there is a reason not to ask, software goes on, and a notice says why.
"""

import av
import torch
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..errors import DeviceError
from ..replay import whole_device
from .companion_packets import AnyPacket
from .deinterlacing import FIELD_ORDERS, Deinterlacing, is_interlaced
from .opening import new_decoder, reason
from .pixels import planes_from_frames, stored_format
from .source_options import SourceOptions

CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})
"""What GPUs decode and whose standards fix every bit of a picture: those of MPEG-2, MPEG-4 part 2 and JPEG don't."""

KEPT_AS = {"yuv420p": "nv12", "yuvj420p": "nv12", "yuv420p10le": "p010le"}
"""How GPUs keep pictures, by how software does; PyAV hands out no others."""

MOST_PACKETS = 256
"""Among which there must be a first picture: they are kept for the GPU until it comes."""

_CONTEXT = {"primary_ctx": "0", "current_ctx": "1"}
"""Where FFmpeg works: where PyTorch does. It would refuse the device's primary context by that name, as PyTorch has set
it up otherwise than FFmpeg would (hwcontext_cuda.c: "incompatible flags")."""


def in_software(why: str) -> str:
    """The notice that a GPU was asked for, and does not decode."""
    return f"Decoded in software, not on the GPU: {why}."


class HardwareDecoder:
    """Decodes a stream on a GPU, or in software; no packet is lost by finding out, so that it may come from a pipe.

    Args:
        stream: to be decoded.
        software: that decodes it otherwise.
        device: the GPU.
        options: what else is wanted of the pictures.

    Attributes:
        notice: why software decodes, once that is known.

    Raises:
        DeviceError: no GPU or driver to ask.
    """

    def __init__(
        self, stream: VideoStream, software: VideoCodecContext, device: torch.device, options: SourceOptions
    ) -> None:
        self._stream = stream
        self._software = software
        self._deinterlacing = options.deinterlacing
        self._gpu: VideoCodecContext | None = None  # None: software decodes
        self._depth = 0  # of the reordering of pictures
        self._model: av.VideoFrame | None = None
        self._waiting: list[AnyPacket] | None = []  # packets that the GPU has not seen; None: all is decided
        self.notice: str | None = None
        if (why := self._refusal(options)) is not None:
            self._stay(why)
        else:
            self._gpu = open_decoder(stream, device)

    def decode(self, packet: AnyPacket) -> list[av.VideoFrame]:
        """The pictures that are ready after a packet; see `VideoCodecContext.decode`.

        Raises:
            FFmpegError: damage, or what the GPU does not decode any more.
        """
        if self._waiting is None:
            return (self._gpu or self._software).decode(packet)
        self._waiting.append(packet)
        try:
            frames = self._software.decode(packet)
        except FFmpegError:
            self._stay("its beginning is damaged")
            raise
        if frames:
            return self._decided(frames)
        if len(self._waiting) >= MOST_PACKETS:
            self._stay(f"there is no picture in its first {MOST_PACKETS} packets")
        return []

    def flush_buffers(self) -> None:
        """Before packets from another place."""
        (self._gpu or self._software).flush_buffers()
        if self._gpu is not None:
            self._gpu.reorder_depth = self._depth  # which FFmpeg may forget

    def close(self) -> None:
        """Gives the GPU's memory back, whoever may still hold this: a clip that failed does, with its error."""
        self._gpu = self._model = self._waiting = None

    def take_model(self) -> av.VideoFrame | None:
        """The first picture as software decodes it, once, where the GPU goes on: it has what the container says too."""
        model, self._model = self._model, None
        return model

    def _refusal(self, options: SourceOptions) -> str | None:
        """Why the GPU is not even asked."""
        own = self._stream.codec_context
        if own.codec.canonical_name not in CODECS:
            return f"{own.codec.canonical_name} is none of {', '.join(sorted(CODECS))}"
        if self._software is not own:
            return "it has opacity"
        if options.repeats:
            return "damage is told by software only, and --on-corrupt repeat asks for it"
        if options.scales:
            return "--on-change scale is done in software"
        if own.field_order in FIELD_ORDERS and self._deinterlacing is not Deinterlacing.OFF:
            return "it is interlaced"
        return None

    def _decided(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        """The first pictures: of the GPU if it decodes as software did, else those that software gave."""
        gpu, model = self._gpu, frames[0]
        assert gpu is not None  # or nothing would be waiting
        why, pictures = self._misfit(model), list[av.VideoFrame]()
        if why is None:
            why, pictures = self._attempt(gpu, model)
        if why is not None:
            self._stay(why)
            return frames
        self._model, self._waiting = model, None
        self._software.flush_buffers()  # its threads hold pictures
        return pictures

    def _stay(self, why: str) -> None:
        self._waiting = self._gpu = None
        self.notice = in_software(why)

    def _misfit(self, model: av.VideoFrame) -> str | None:
        """Why pictures such as the first can't be left to the GPU."""
        if model.is_corrupt:
            return "its beginning is damaged"
        if is_interlaced(self._stream, model) and self._deinterlacing is not Deinterlacing.OFF:
            return "it is interlaced"
        if model.format.name not in KEPT_AS:
            return f"its pictures are {model.format.name}, and only 4:2:0 of 8 and 10 bit is taken"
        if model.width % 2 or model.height % 2:
            return f"{model.width}×{model.height} is odd, and PyAV would round its chroma down"
        return None

    def _attempt(self, gpu: VideoCodecContext, model: av.VideoFrame) -> tuple[str | None, list[av.VideoFrame]]:
        """What is wrong with what the GPU makes of all packets so far, and what that is."""
        self._depth = gpu.reorder_depth = self._software.reorder_depth
        try:
            pictures = [picture for packet in self._waiting or () for picture in gpu.decode(packet)]
            return _difference(model, pictures), pictures
        except NotImplementedError as error:  # PyAV's word for formats that it can't hand out
            return f"it does not take this stream ({error})", []
        except FFmpegError as error:
            return f"it does not take this stream, or its driver has no `video` capability ({reason(error)})", []
        except torch.OutOfMemoryError:
            return "it has no memory left for it", []


def _difference(model: av.VideoFrame, pictures: list[av.VideoFrame]) -> str | None:
    """How the GPU's first picture differs from that of the software."""
    if not pictures or pictures[0].sw_format is None:
        return "it does not take this stream"
    first = pictures[0]
    if (kept := stored_format(first)) != KEPT_AS[model.format.name]:
        return f"it makes {kept} of {model.format.name}"
    planes = zip(planes_from_frames([model]), planes_from_frames([first]), strict=True)
    if first.pts != model.pts or not all(torch.equal(ours, its.cpu()) for ours, its in planes):
        return "its first picture is not the one that software decodes"
    return None


def open_decoder(stream: VideoStream, device: torch.device) -> VideoCodecContext:
    """A decoder of a stream whose pictures stay on the device.

    Its surfaces are few, but FFmpeg copies each picture out of them (unless told `unsafe_output`), so that any number
    may be held.

    Raises:
        DeviceError: there is no GPU, or no driver.
    """
    codec = stream.codec_context.codec.canonical_name  # the decoder of FFmpeg's own, as libdav1d knows no GPU
    try:
        with whole_device, torch.cuda.device(device):
            torch.cuda.synchronize()  # which makes PyTorch's context the current one
            torch.cuda.empty_cache()  # FFmpeg can't use what PyTorch keeps of other clips
            # Without a fallback: software's pictures would be taken for a change of format, and nobody would know why.
            hwaccel = HWAccel("cuda", str(device.index or 0), False, dict(_CONTEXT), is_hw_owned=True)
            decoder = new_decoder(stream, codec, hwaccel)
    except FFmpegError as error:
        why = f"FFmpeg can't use its driver ({reason(error)})"
        raise DeviceError(f"{device}: {why}; leave out --hwaccel cuda") from error
    decoder.options = {**decoder.options, "pkt_timebase": str(stream.time_base or 0)}
    decoder.thread_count = 1  # each thread would take surfaces, and wait for the same decoder
    return decoder
