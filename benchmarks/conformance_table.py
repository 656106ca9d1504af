"""The results of `conformance.py` as a page of the documentation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

COLUMNS = ("EXR", "HDR10 mp4", "HDR10 mkv", "HLG mp4", "AV1 mp4", "ProRes mov", "FFV1 mkv", "y4m")
BEGIN = "<!-- conformance: begin -->\n"
END = "<!-- conformance: end -->\n"


def write_table(path: Path, results: list[Any]) -> None:
    """Puts the table between its two marks in a Markdown file."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(before + BEGIN + "\n".join(_lines(results)) + "\n" + END + after)


def _lines(results: list[Any]) -> Iterator[str]:
    converted = [result for result in results if result.result == "converted"]
    good = sum(not result.is_bad for result in results)
    frames = sum(result.frames for result in converted)
    versions = f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"
    yield f"{len(results)} clips, {good} as they should be; {frames} frames converted ({versions}).\n"
    yield f"| clip | what | frames | {' | '.join(COLUMNS)} | other streams (mp4, mkv) |"
    yield "|" + "---|" * (len(COLUMNS) + 4)
    for result in converted:
        cells = " | ".join(_cell(result, name) for name in COLUMNS)
        streams = f"{result.streams['HDR10 mp4']}, {result.streams['HDR10 mkv']}"
        yield f"| {result.clip} | {result.kind} | {result.frames} | {cells} | {streams} |"
    yield "\nRefused, with what is said of them:\n"
    yield "| clip | what | error |"
    yield "|---|---|---|"
    for result in results:
        if result.result != "converted":
            verdict = "" if not result.is_bad else f" **{'; '.join(result.problems)}**"
            yield f"| {result.clip} | {result.kind} | {result.result}{verdict} |"


def _cell(result: Any, name: str) -> str:
    """Time error, colour error, or what is wrong."""
    if problems := result.deliveries.get(name):
        return f"**{'; '.join(problems)}**"
    median, most = result.colour.get(name, (None, None))
    colour = "" if median is None else f"{median:.3f} ({most:.2f})" if name == "EXR" else f"{median:.2f}"
    time = result.time_error_ms.get(name)
    off = "" if not time else f", {time:.2f} ms"
    return f"{colour or 'ok'}{off}"
