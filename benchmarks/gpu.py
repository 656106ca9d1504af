"""What a GPU does: whole conversions, the network at two sizes, memory by batch, the device's stage, a profile of it.

Each figure is written as soon as it is there, as machines with GPUs are lent by the minute.
Usage: gpu.py --json FILE [--only PART ...] [--profile FILE] [--plot FILE] [--clip FILE | --frames N]
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from performance import TSEXPAND, bench, clip_of
from torch.profiler import ProfilerActivity, profile

from tsexpand.bench.machine import this_machine
from tsexpand.cli.convert import convert_command, convert_options
from tsexpand.cli.engine import load_engine
from tsexpand.cli.jobs import Job
from tsexpand.codecs.source import open_source
from tsexpand.convert import prepared
from tsexpand.engines.devices import default_batch_size
from tsexpand.sinks.delivery import make_sink

SIZES = ("1920x1080", "3840x2160")
GPU = torch.device("cuda:0")

CONVERSIONS = (
    ("out", "--denoise"),
    ("out", "--hwaccel", "cuda"),
    ("out", "--no-denoise"),
    ("out", "--no-denoise", "--hwaccel", "cuda"),
    ("out.mkv", "--frames", "150"),
    ("out", "--weights", "fast"),
    ("out", "--compression", "dwaa"),
)
"""Whole ones, with what they are asked for; all of the clip, so that it has many frames."""

PARTS = ("conversions", "network", "batches", "device_stage")


def prepared_frames(clip: Path, output: Path, frames: int, *settings: str) -> tuple[float, int, Any]:
    """The device's stage alone, three times run before: frames a second, peak bytes of the GPU, and a run's profile."""
    arguments = [str(clip), str(output), "--device", "cuda", *settings]
    values = convert_command.make_context("convert", arguments).params
    wanted = convert_options(Job(values["inputs"][0], (values["output"],)), values)
    engine = load_engine(values, quiet=True)
    with open_source(wanted.source, wanted.reading) as source:
        info = source.info
        batch_size = wanted.batch_size or default_batch_size(info.width, info.height, GPU)
        batches = list(islice(source.batches(batch_size), -(-frames // batch_size)))
        engine.expect(info.width, info.height, frames)
        with make_sink(wanted.outputs, info, source.companions, wanted.delivery) as sink:

            def run() -> float:
                began = time.perf_counter()
                count = sum(count for _, count in prepared(batches, engine, wanted, sink.prepare))
                torch.cuda.synchronize()
                return count / (time.perf_counter() - began)

            for _ in range(3):  # until all that is ever recorded is
                run()
            torch.cuda.reset_peak_memory_stats()
            rate = max(run() for _ in range(3))
            peak = torch.cuda.max_memory_allocated()
            with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
                run()
            return rate, peak, found.key_averages()


def conversion(clip: Path, folder: Path, output: str, *settings: str) -> dict[str, Any]:
    """The report of the command, in a process of its own."""
    command = [*TSEXPAND, "convert", str(clip), str(folder / output), *settings]
    options = ("--device", "cuda", "--overwrite", "--json", "--quiet")
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    del report["source"], report["input"], report["outputs"]
    return {"output": output, "settings": settings} | report


def plot(figures: dict[str, Any], path: Path) -> None:
    """Frames a second of the network and of all that the GPU does, and its memory over the batch."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(15, 4), layout="constrained")
    rows = [row for row in figures["network"] if row["seconds"]]
    names = [f"{row['name']}\n{row['width']}×{row['height']}" for row in rows]
    left.barh(names, [1 / row["seconds"] for row in rows], color=[f"C{row['width'] > 1920:d}" for row in rows])
    left.invert_yaxis()
    left.tick_params(axis="y", labelsize=7)
    left.set_title("network, frames/s")
    stages = figures["device_stage"]
    outputs = {"out": "EXR", "out.mkv": "HDR10"}
    labels = [f"{outputs[row['output']]}\n{row['denoise'].removeprefix('--')}" for row in stages]
    middle.bar(labels, [row["frames_per_second"] for row in stages])
    middle.set_title("all that the GPU does, frames/s")
    batches = figures["batches"]
    right.plot([row["batch_size"] for row in batches], [row["peak_mib"] for row in batches], "o-")
    right.set_ylim(0, 1.2 * max(row["peak_mib"] for row in batches))
    right.set_title("peak memory in MiB over frames at once")
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--plot", type=Path, help="needs all parts")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--clip", type=Path, help="what is converted")
    source.add_argument("--frames", type=int, default=200, help="of a clip of 1920x1080 that is made otherwise")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    if given.plot and set(given.only) < set(PARTS):
        parser.error("--plot needs all parts, without --only")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    figures: dict[str, Any] = {"commit": commit, "machine": asdict(this_machine())}

    def keep(name: str, row: dict[str, Any]) -> None:
        figures.setdefault(name, []).append(row)
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
        print(row, flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = given.clip or clip_of(folder, "1920x1080", given.frames)
        if "conversions" in given.only:
            conversion(clip, folder, "out", "--frames", "24")  # the kernels are compiled
            for output, *settings in CONVERSIONS:
                keep("conversions", conversion(clip, folder, output, *settings))
        if "network" in given.only:
            for size in SIZES:
                for row in bench("--only", "network", "--device", "cuda", "--size", size)["network"]:
                    keep("network", row)
        if "batches" in given.only:
            for batch_size in (1, 2, 4, 8):
                rate, peak, _ = prepared_frames(clip, folder / f"{batch_size}", 24, "--batch-size", str(batch_size))
                keep("batches", {"batch_size": batch_size, "frames_per_second": rate, "peak_mib": peak >> 20})
        if "device_stage" in given.only:
            for output in ("out", "out.mkv"):
                for denoise in ("--denoise", "--no-denoise"):
                    rate, peak, averages = prepared_frames(clip, folder / f"{denoise[2:]}_{output}", 48, denoise)
                    row = {"output": output, "denoise": denoise, "frames_per_second": rate, "peak_mib": peak >> 20}
                    keep("device_stage", row)
                    if given.profile and denoise == "--denoise" and output == "out":
                        table = averages.table(sort_by="self_cuda_time_total", row_limit=40, max_name_column_width=60)
                        given.profile.write_text(table)
    if given.plot:
        plot(figures, given.plot)


if __name__ == "__main__":
    main()
