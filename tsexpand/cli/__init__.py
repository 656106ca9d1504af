"""The command line: options to a call, a report to lines. Commands load what they need when they run."""

import atexit
import gc
import os
import signal
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from .. import __version__
from ..errors import BROKEN_PIPE, INTERRUPTED, ClosedPipe, TsexpandError, output_error
from .bench import bench_command
from .convert import convert_command
from .dataset import dataset_command
from .evaluate import evaluate_command
from .frame import frame_command
from .probe import probe_command
from .report import show_error
from .train import train_command
from .verify import verify_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tsexpand")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """SDR footage to HDR that does not flicker.

    \b
    tsexpand convert input.mp4 out/            EXR sequence
    tsexpand convert input.mp4 output.mkv      HDR10 video, sound and subtitles kept
    tsexpand convert input.mp4 - | x265 ...    raw pictures for another encoder (y4m)
    tsexpand convert photo.jpg out.avif        one picture: EXR, Radiance, HDR PNG, AVIF
    tsexpand frame input.mp4 --at 1:02         one frame to look at: SDR beside HDR, as PNG
    tsexpand verify output.mkv                 whether it is what it says
    tsexpand probe input.mp4                   what it is, what is assumed, what would be written

    \b
    Exit codes: 0 done, 1 other or mixed failures, 2 usage, 3 input, 4 output, 5 weights, 6 device,
    130 interrupted, 141 pipe closed.
    """


cli.add_command(bench_command)
cli.add_command(convert_command)
cli.add_command(evaluate_command)
cli.add_command(dataset_command)
cli.add_command(frame_command)
cli.add_command(probe_command)
cli.add_command(train_command)
cli.add_command(verify_command)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first Ctrl-C or SIGTERM unwinds; further ones must not disturb the tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def run() -> int:
    """Runs the command: the one place where errors become a line and an exit code."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return cli.main(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: nothing half-written is left.", err=True)
        return INTERRUPTED
    except ClosedPipe:
        return BROKEN_PIPE
    except TsexpandError as error:
        show_error(error)
        return error.exit_code
    except OSError as error:
        if not _is_of_report(error):
            raise
        refused = output_error(Path("standard output"), error)  # such as a full disk
        refused.__cause__ = error
        show_error(refused)
        return refused.exit_code


def _is_of_report(error: OSError) -> bool:
    """Whether it was raised where reports are written."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_code is click.echo.__code__


def main() -> NoReturn:
    """Entry point of `tsexpand`: runs the command, and ends the process at once.

    To take the modules of PyTorch apart, one by one, would keep a user waiting for half a second more. All that is ours
    is closed by then; what others left for the end is done.
    """
    young, middle, _ = gc.get_threshold()
    # To look at all objects again and again while PyTorch makes a million that stay takes half a second, too.
    gc.set_threshold(young, middle, 1000)
    code = run()
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed by who started us
        with suppress(OSError) if code else nullcontext():  # what could not be written has been told
            stream.flush()
    os._exit(code)
