"""Whether samples are made as fast as a training step consumes them.

Counts the samples a second that so many workers deliver, and those that training steps on this device consume when
samples are at hand. Each is measured alone; on a CPU, workers and steps share the cores. Usage:
loading.py [SCENES ...] [--workers 1 2] [--seconds 30] [--device auto] [--precision bfloat16] [--compile] [--json FILE]
"""

import argparse
import json
import os
import platform
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tsexpand.engines.devices import Precision
from tsexpand.training.distributed import training_device
from tsexpand.training.loading import Share, StepBatches, lost_workers_named, step_batches
from tsexpand.training.options import TrainOptions
from tsexpand.training.scenes import Scene, load_scenes
from tsexpand.training.trainer import Trainer

SCENES = Path(__file__).parent.parent.parent / "shared" / "hdr" / "train"
WORKERS = [workers for workers in (1, 2, 4, 8, 16) if workers <= max(2, os.cpu_count() or 1)]
ENDLESS = 1 << 30


def delivered(scenes: tuple[Scene, ...], options: TrainOptions, device: torch.device, seconds: float) -> float:
    """Samples a second that the workers deliver to one who takes them at once, after the first batch of each."""
    with lost_workers_named(), closing(step_batches(scenes, options, Share(), 0, device)) as batches:
        for _ in range(options.workers):
            next(batches)
        began, count = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            next(batches)
            count += 1
        return count * options.batch_size / (time.monotonic() - began)


def consumed(scenes: tuple[Scene, ...], options: TrainOptions, device: torch.device, seconds: float) -> float:
    """Samples a second of training steps on one batch, after the first step."""
    trainer = Trainer(options, device, Share(), {})
    batch = StepBatches(scenes, options, Share())[0]
    batch = batch.pin_memory() if device.type == "cuda" else batch
    trainer.update(batch)  # its loss is waited for, so that no step is under way when the clock is read
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        trainer.update(batch)
        count += 1
    return count * options.batch_size / (time.monotonic() - began)


def facts(arguments: argparse.Namespace, options: TrainOptions, device: torch.device, scenes: int) -> dict[str, Any]:
    """What the numbers depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    where = {"device": str(device), "name": name, "cores": os.cpu_count(), "threads": torch.get_num_threads()}
    how = {"precision": arguments.precision, "compiled": arguments.compile, "torch": torch.__version__}
    return {**where, **how, "batch_size": options.batch_size, "size": options.size, "scenes": scenes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path, nargs="*", default=[SCENES])
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--compile", action="store_true", help="slow to start")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    device, precision = training_device(arguments.device), Precision(arguments.precision)
    options = TrainOptions(
        tuple(arguments.scenes), Path("unused.pth"), ENDLESS, precision=precision, compile=arguments.compile
    )
    scenes = load_scenes(options.data).scenes
    known = facts(arguments, options, device, len(scenes))
    print(", ".join(f"{name}: {value}" for name, value in known.items()), flush=True)
    step = consumed(scenes, options, device, arguments.seconds)
    print(f"{'training steps':16}{step:9.2f} samples/s", flush=True)
    rows = []
    for workers in arguments.workers:
        rate = delivered(scenes, replace(options, workers=workers), device, arguments.seconds)
        rows.append({"workers": workers, "samples_per_second": round(rate, 2), "times_a_step": round(rate / step, 2)})
        print(f"{f'workers: {workers}':16}{rate:9.2f} samples/s {rate / step:9.2f} times that", flush=True)
    if arguments.json:
        found = {**known, "step_samples_per_second": round(step, 2), "rows": rows}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
