"""What presets of the video encoders cost and give: speed, size and fidelity on the light of real clips.

Converts a few frames of each clip by the real stages, encodes the same pictures with each preset, on all cores and
nothing else beside it, and decodes them again. Fidelity is the PSNR of luma, in PQ codes of 10 bit.
Usage: encoders.py CLIP ... [--frames 24] [--codec hevc av1] [--presets NAME ...] [--crf NUMBER] [--json FILE]
"""

import argparse
import json
import math
import time
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import torch

from tsexpand.bench.machine import this_machine
from tsexpand.cli.engine import DEFAULT_WEIGHTS
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.encode import Encoder
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.exr import Compression
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.signal import HDR10
from tsexpand.compiled import Compilation
from tsexpand.convert import ConvertOptions, motion_for, prepared
from tsexpand.engines.devices import select_device
from tsexpand.engines.network import NetworkEngine
from tsexpand.frames import SignalBatch, VideoInfo
from tsexpand.network.weights import load_weights
from tsexpand.sinks.delivery import DeliveryOptions
from tsexpand.sinks.video import VideoSink

PRESETS = {
    "hevc": ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"),
    "av1": ("12", "10", "8", "6", "4"),
}
PEAK = 1000.0


def pictures(clip: Path, frames: int, engine: NetworkEngine) -> tuple[VideoInfo, list[SignalBatch]]:
    """HDR10 pictures of the first frames of a clip, as `convert` would encode them."""
    reading = SourceOptions(frames=frames)
    with TemporaryDirectory() as folder, VideoSource(str(clip), reading) as source:
        output = Path(folder) / "never_committed.mkv"
        options = ConvertOptions(
            str(clip), (output,), DeliveryOptions(EncoderOptions(), Compression.PIZ, 203.0, PEAK, False), reading
        )
        engine.expect(source.info.width, source.info.height, math.inf)
        motion, _ = motion_for(engine, math.inf)
        with VideoSink(
            output, source.info, source.companions, EncoderOptions(), mastering_display(PEAK), False
        ) as sink:
            batches = [batch for batch, _ in prepared(source.batches(1), engine, options, sink.prepare, motion)]
    return source.info, batches


def encoded(info: VideoInfo, batches: list[SignalBatch], options: EncoderOptions) -> tuple[float, int, float]:
    """Seconds and bytes of an encoding of the pictures, and PSNR of its luma, dB."""
    encoder = Encoder(options, info, HDR10, mastering_display(PEAK))
    began = time.perf_counter()
    packets = []
    for batch in batches:
        for i, timing in enumerate(batch.timings):
            packets += encoder.encode(tuple(plane[i] for plane in batch.planes), timing)
    packets += encoder.flush()
    seconds = time.perf_counter() - began
    decoder = av.CodecContext.create("hevc" if options.codec == "hevc" else "libdav1d", "r")
    decoder.extradata = encoder.extradata or None
    frames = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    errors = []
    for batch, frame in zip(batches, sorted(frames, key=lambda frame: frame.pts), strict=True):
        luma = batch.planes[0][0].to(torch.int32).numpy()
        plane = frame.planes[0]
        coded = np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[: luma.shape[0], : luma.shape[1]]
        errors.append(float(np.square(luma - coded.astype(np.int32)).mean()))
    return seconds, sum(packet.size for packet in packets), 10 * math.log10(1023**2 / (sum(errors) / len(errors)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--codec", nargs="+", choices=sorted(PRESETS), default=sorted(PRESETS, reverse=True))
    parser.add_argument("--presets", nargs="+", help="by default the usual ones of each codec")
    parser.add_argument("--crf", type=float, help="by default that of the codec")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    engine = NetworkEngine(load_weights(DEFAULT_WEIGHTS), select_device("cpu"), compilation=Compilation.AUTO)
    rows: list[dict[str, Any]] = []
    for clip in options.clips:
        info, batches = pictures(clip, options.frames, engine)
        seconds = sum(len(batch) for batch in batches) / float(info.frame_rate or Fraction(25))
        print(f"{clip.name}, {info.width}×{info.height}, {len(batches)} frames", flush=True)
        for codec in options.codec:
            for preset in options.presets or PRESETS[codec]:
                spent, size, psnr = encoded(info, batches, EncoderOptions(codec, options.crf, preset))
                row = {
                    "clip": clip.name, "codec": codec, "preset": preset, "frames_per_second": len(batches) / spent,
                    "megabits_per_second": 8e-6 * size / seconds, "psnr": psnr,
                }  # fmt: skip
                rows.append(row)
                print(
                    f"  {codec:5}{preset:10} {row['frames_per_second']:8.2f} frames/s "
                    f"{row['megabits_per_second']:8.2f} Mbit/s {psnr:7.2f} dB",
                    flush=True,
                )
    if options.json:
        machine = this_machine()
        options.json.write_text(json.dumps({"machine": asdict(machine), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
