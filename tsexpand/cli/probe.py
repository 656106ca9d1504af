"""`tsexpand probe`."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..probe import ProbeReport


@click.command("probe")
@click.argument("source", metavar="INPUT")
@click.option("--stream", type=click.IntRange(0), help="Which of several video streams, the first is 0.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def probe_command(source: str, stream: int | None, as_json: bool) -> int:
    """Show what a clip is and would become.

    That is what the stream says, what is assumed where it says nothing, and what would be written.
    """
    from ..probe import probe

    report = probe(source, stream)
    if as_json:
        values = {**report.source.facts(), "would_write": report.would_write}
        click.echo(json.dumps(values))
    else:
        click.echo("\n".join(probe_lines(report)))
    return 0


def probe_lines(report: "ProbeReport") -> list[str]:
    """The report for people."""
    from ..frames import clock

    info, signal = report.source, report.source.signal
    duration = f", {clock(info.duration_from_header)}" if info.duration_from_header is not None else ""
    aspect = f", pixels {info.sample_aspect_ratio}:1" if info.sample_aspect_ratio != 1 else ""
    rate = f"{float(info.frame_rate):.3f} frames/s" if info.frame_rate else "frame rate unknown"
    count = f"{info.frame_count_from_header} frames" if info.frame_count_from_header else "frame count unknown"
    time = ", a picture" if info.is_still else f", {rate}, {count}{duration}"
    lines = [
        info.name,
        f"  is       {info.codec} in {info.container}, {info.width}x{info.height} {info.pixel_format}{aspect}{time}",
        f"  signal   {signal.bit_depth} bit {signal.signal_range.value}, matrix {signal.matrix.name},"
        f" transfer {signal.transfer.name}, primaries {signal.primaries.name}, chroma {signal.chroma_location.value}",
    ]
    lines += [f"  assumed  {guess}" for guess in info.guesses]
    lines += [f"  notice   {notice}" for notice in info.notices]
    for kind, description in report.would_write.items():
        lines += [f"  {kind:8} {line}" for line in description]
    return lines
