"""`tsexpand convert`."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import INTERRUPTED, TsexpandError
from .deliveries import check_light, delivery_options, preview_of, refuse_codec
from .engine import DEFAULT_WEIGHTS, decoding_device, load_engine, load_torch
from .jobs import Job, plan_jobs, refuse_inputs_as_outputs, refuse_swapped
from .parameters import AutoInt, FrameRate, OneOrMore, Size, Time
from .pictures import with_pictures_of_folders
from .pipes import goes_to_stream, input_format
from .progress import progress_view
from .report import show_failure, show_report
from .settings import command_line, settings
from .source import source_options
from .unused import tell_unused

if TYPE_CHECKING:
    from ..convert import ConvertOptions, ConvertReport
    from ..engines import Engine
    from ..frames import VideoInfo


@click.command("convert")
@click.argument("inputs", cls=OneOrMore, nargs=-1, required=True, metavar="INPUT...")
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["exr", "mkv", "mp4", "mov", "ts", "hdr", "png", "avif", "y4m", "nut", "rawvideo"]),
    help="Makes OUTPUT a folder in which each input gets its own name, in this format; several inputs, or a folder of "
    "pictures, have that anyway, as exr. Where OUTPUT is - or a pipe, what goes through it: y4m (the default), nut, "
    "rawvideo, mkv or ts.",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="OUTPUT",
    help="A second output of the same pass: whatever OUTPUT may be; may be repeated.",
)
@click.option(
    "--preview-tone",
    type=click.Choice(["bt2390", "reinhard", "drago", "exposure", "mantiuk"]),
    help="Makes the last video of --also an SDR preview (H.264), in which highlights are shown by this curve.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--start", type=Time(), help="Begin at this time: 62.5, 1:02.5 or 00:01:02.5.")
@click.option("--frames", type=click.IntRange(1), help="Convert that many frames.")
@click.option("--frame-rate", type=FrameRate(), help="Of a folder or numbered sequence of pictures, or of raw video.")
@click.option(
    "--stream",
    type=click.IntRange(0),
    help="Which of several video streams, the first is 0.  [default: as marked, else the first]",
)
@click.option(
    "--format", metavar="NAME", help="Of INPUT, FFmpeg's name, where it can't be found out: rawvideo, mpegts ..."
)
@click.option("--size", type=Size(), help="Of raw video: 1920x1080.")
@click.option("--pixel-format", metavar="NAME", help="Of raw video, FFmpeg's name: yuv420p, yuv422p10le, rgb24 ...")
@click.option(
    "--deinterlace",
    type=click.Choice(["off", "frame", "field"]),
    default="frame",
    show_default=True,
    help="Interlaced pictures: left woven, one picture each, or one for each field (twice the frame rate).",
)
@click.option(
    "--on-corrupt",
    type=click.Choice(["fail", "repeat"]),
    default="fail",
    show_default=True,
    help="A picture that can't be decoded ends the conversion, or is replaced by the one before it.",
)
@click.option(
    "--on-change",
    type=click.Choice(["fail", "scale"]),
    default="fail",
    show_default=True,
    help="Pictures that change their size end the conversion, or are scaled to that of the first.",
)
@click.option(
    "--keep-partial",
    is_flag=True,
    help="Ctrl-C and SIGTERM leave what was converted, as a whole file NAME.partial; without it, nothing.",
)
@click.option(
    "--weights",
    default=DEFAULT_WEIGHTS,
    show_default=True,
    metavar="NAME|FILE",
    help="A shipped model (fast: an eighth of the work), or a .pth file.",
)
@click.option(
    "--reference-white", type=click.FloatRange(1, 9999), default=203.0, show_default=True, help="SDR white, cd/m²."
)
@click.option(
    "--peak", type=click.FloatRange(2, 10000), default=1000.0, show_default=True, help="Highest luminance, cd/m²."
)
@click.option(
    "--transfer",
    type=click.Choice(["pq", "hlg"]),
    default="pq",
    show_default=True,
    help="Of video: pq is HDR10; hlg, for broadcast, has a peak of 1000 at most.",
)
@click.option(
    "--mastering-display",
    metavar="p3-d65|bt2020|G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)",
    help="Of HDR10 video, the display it is made for, as x265 takes it; unless given p3-d65, up to the peak.",
)
@click.option(
    "--denoise/--no-denoise",
    default=True,
    show_default=True,
    help="Average out boiling noise along the motion; what is stronger than compression noise, like grain, stays.",
)
@click.option("--smooth", is_flag=True, help="Also smooth the luminance over time, within each shot.")
@click.option(
    "--codec",
    type=click.Choice(["hevc", "av1", "hevc_nvenc", "av1_nvenc", "prores", "prores_4444", "dnxhr", "ffv1"]),
    default="hevc",
    show_default=True,
    help="Of video: to be seen (hevc, av1), to be worked on (ProRes 422 HQ or 4444, DNxHR HQX), to be kept (ffv1).",
)
@click.option(
    "--crf",
    type=click.FloatRange(0, 63),
    help="Quality, lower is better: of hevc 0 to 51 (14 where not given), of av1 0 to 63 (20); of NVENC 18 and 22.",
)
@click.option(
    "--preset",
    help="Of the encoder, slower is better: of hevc ultrafast to placebo (faster where not given), of av1 13 to 0 (8), "
    "of NVENC p1 to p7 (p5).",
)
@click.option(
    "--compression",
    type=click.Choice(["piz", "zip", "zips", "dwaa", "none"]),
    default="piz",
    show_default=True,
    help="Of EXR; all but dwaa are lossless.",
)
@click.option(
    "--exr-primaries",
    type=click.Choice(["709", "2020", "p3", "acescg", "aces"]),
    default="709",
    show_default=True,
    help="Of EXR: what the reader is told it is; acescg (AP1) and aces (ACES2065-1, AP0) have ACES's white.",
)
@click.option("--input-matrix", type=click.Choice(["bt601", "bt709", "bt2020"]), help="Instead of what the input says.")
@click.option("--input-range", type=click.Choice(["limited", "full"]), help="Likewise.")
@click.option("--input-transfer", type=click.Choice(["bt1886", "srgb", "gamma22", "gamma28"]), help="Likewise.")
@click.option("--input-primaries", type=click.Choice(["bt601-525", "bt601-625", "bt709", "bt2020"]), help="Likewise.")
@click.option(
    "--input-chroma", type=click.Choice(["left", "center", "topleft", "top", "bottomleft", "bottom"]), help="Likewise."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps; cuda:0,cuda:1; all GPUs.")
@click.option(
    "--hwaccel",
    type=click.Choice(["none", "cuda"]),
    default="none",
    show_default=True,
    help="Decode in software, or on the GPU of --device, where its decoder takes the clip.",
)
@click.option(
    "--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), default="auto", show_default=True
)
@click.option(
    "--compile",
    "compilation",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Compile for this machine, once: about three times as fast, where clips are long enough.",
)
@click.option(
    "--batch-size", type=AutoInt(1), default="auto", show_default=True, help="Frames the network takes at once."
)
@click.option(
    "--tile",
    type=AutoInt(64),
    default="auto",
    show_default=True,
    help="Pixels the network takes at once, in width and height; does not change the picture.",
)
@click.option("--json", "as_json", is_flag=True, help="A report on stdout, one JSON object a line and input.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def convert_command(inputs: tuple[str, ...], output: Path, as_json: bool, quiet: bool, **values: Any) -> int:
    """Convert SDR clips and pictures to HDR.

    OUTPUT ending in .mp4, .mov, .mkv or .ts becomes HDR video, with the sound and subtitles of the
    input; .exr, .hdr, .png or .avif one HDR picture, of a picture; .json a document of its light: a
    sidecar, or as .dovi.json and .hdr10plus.json metadata for these; - raw 10-bit pictures (y4m) on
    standard output, for another encoder, or what --to says; any other name a folder with an OpenEXR
    sequence. INPUT is a clip, a picture, a folder of pictures, a numbered sequence (shot.%04d.png),
    an address, or - for standard input.

    \b
    tsexpand convert input.mp4 out/
    tsexpand convert input.mp4 master.mkv --also exr/ --crf 14
    tsexpand convert input.mp4 master.mkv --also preview.mp4 --preview-tone bt2390
    tsexpand convert a.mp4 b.mov c.mkv hdr/ --to mp4
    tsexpand convert photo.jpg out.avif
    tsexpand convert pictures/ out.mp4 --frame-rate 24
    """
    check_light(values)
    input_format(values)
    load_torch()
    if goes_to_stream([output, *values["also"]], len(inputs), values["to"], as_json):
        values["pipe_format"], values["to"] = values["to"], None
    preview_of(values)
    if values["frame_rate"] is None and any(map(os.path.isdir, inputs)):
        inputs, values["to"] = with_pictures_of_folders(inputs, quiet), values["to"] or "exr"
    refuse_swapped(inputs, output)
    jobs = plan_jobs(inputs, output, values["to"], values["also"], values["frame_rate"])
    refuse_inputs_as_outputs(jobs)
    refuse_codec((output for job in jobs for output in job.outputs), values)
    tell_unused((output for job in jobs for output in job.outputs), preview_of(values), quiet)
    decoding_device(values)  # refuses one that decodes nothing, before the weights are loaded
    engine = load_engine(values, quiet)
    failures = []
    for job in jobs:
        try:
            report = run_job(job, engine, values, quiet)
        except TsexpandError as error:
            show_failure(job.source, error, as_json)
            failures.append(_without_trace(error))
        else:
            show_report(report, as_json, quiet)
            if report.interrupted:
                return INTERRUPTED
    if failures and len(jobs) > 1:
        click.echo("\n".join([f"{len(failures)} of {len(jobs)} inputs failed:", *map(str, failures)]), err=True)
    return exit_code(failures)


def _without_trace(error: TsexpandError) -> TsexpandError:
    """Without what holds the pictures, and the GPU's decoder, of a clip that failed, while others are converted."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def exit_code(failures: list[TsexpandError]) -> int:
    """That of the failures if they agree, 1 if not, 0 if there are none."""
    codes = {failure.exit_code for failure in failures}
    if len(codes) > 1:
        return TsexpandError.exit_code
    return codes.pop() if codes else 0


def convert_options(job: Job, values: dict[str, Any]) -> "ConvertOptions":
    """What the command line says, for one input."""
    from ..convert import ConvertOptions

    return ConvertOptions(
        source=job.source,
        outputs=job.outputs,
        delivery=delivery_options(values),
        reading=replace(source_options(values), hardware=decoding_device(values)),
        batch_size=values["batch_size"],
        denoise=values["denoise"],
        smooth=values["smooth"],
        keep_partial=values["keep_partial"],
        command=command_line(),
        settings=settings(convert_command, values),
    )


def run_job(job: Job, engine: "Engine", values: dict[str, Any], quiet: bool) -> "ConvertReport":
    """Converts one input, telling of it on stderr."""
    from ..convert import convert
    from ..sinks.paths import make_folder

    if job.folder:
        make_folder(job.folder)

    told: list[str] = []

    def tell(lines: Iterable[str]) -> None:
        for line in lines:
            if not quiet and line not in told:
                told.append(line)
                click.echo(f"{job.source}: {line}", err=True)

    def opened(info: "VideoInfo", notices: tuple[str, ...]) -> None:
        if info.guesses:
            tell(["assumed " + ", ".join(map(str, info.guesses))])
        tell(notices)

    with progress_view(Path(job.source).name, quiet) as view:
        report = convert(convert_options(job, values), engine, opened, view.show)
    tell(report.notices)  # some come up on the way
    return report
