"""What ffprobe says of a file, in exact numbers."""

import json
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
"""Of ffprobe's: a stream, a frame, a chapter."""

Packet = tuple[Fraction | None, Fraction, str]
"""Time and duration in seconds, hash of the bytes."""


@dataclass
class Media:
    """A file.

    Attributes:
        video: the first stream of moving pictures; empty if there is none.
        times: of its frames in seconds, None where unknown.
        keyframes: the side data of each, by kind.
        streams: all.
        packets: of each stream, without empty ones.
        chapters: title and beginning.
        complaints: what ffprobe printed while it decoded.
    """

    video: Entry
    times: list[Fraction | None]
    keyframes: list[dict[str, Entry]]
    streams: list[Entry]
    packets: dict[int, list[Packet]]
    chapters: list[tuple[str | None, Fraction]]
    complaints: str


def tool(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, errors="replace", check=False
    )


def look(path: Path) -> Media:
    facts, _ = _ffprobe(path, "-show_streams", "-show_chapters")
    streams = facts.get("streams", [])
    moving = (s for s in streams if s["codec_type"] == "video" and not s["disposition"]["attached_pic"])
    video: Entry = next(moving, {})
    times, keyframes, complaints = _frames(path, video) if video else ([], [], "")
    chapters = [(c.get("tags", {}).get("title"), Fraction(c["start_time"])) for c in facts.get("chapters", [])]
    return Media(video, times, keyframes, streams, _packets(path, streams), chapters, complaints)


def first_frames(media: Media, count: int) -> Media:
    """An excerpt: so many frames, and the packets that begin before the next."""
    if len(media.times) <= count or (end := media.times[count]) is None:
        return media
    packets = {
        index: [packet for packet in packets if packet[0] is None or packet[0] < end]
        for index, packets in media.packets.items()
    }
    return replace(media, times=media.times[:count], packets=packets)


def side_data(entry: Entry) -> dict[str, Entry]:
    return {data["side_data_type"]: data for data in entry.get("side_data_list", [])}


def _ffprobe(path: Path, *arguments: str) -> tuple[Entry, str]:
    done = tool("ffprobe", "-v", "error", "-of", "json", *arguments, path)
    return json.loads(done.stdout or "{}"), done.stderr.strip()


def _frames(path: Path, video: Entry) -> tuple[list[Fraction | None], list[dict[str, Entry]], str]:
    entries = "frame=best_effort_timestamp,key_frame:frame_side_data"
    found, complaints = _ffprobe(path, "-select_streams", str(video["index"]), "-show_entries", entries)
    frames = found.get("frames", [])
    unit = Fraction(video["time_base"])
    times = [f["best_effort_timestamp"] * unit if "best_effort_timestamp" in f else None for f in frames]
    return times, [side_data(frame) for frame in frames if frame["key_frame"]], complaints


def _packets(path: Path, streams: list[Entry]) -> dict[int, list[Packet]]:
    entries = "packet=stream_index,pts,duration,size,data_hash"
    found, _ = _ffprobe(path, "-show_data_hash", "md5", "-show_entries", entries)
    units = {stream["index"]: Fraction(stream["time_base"]) for stream in streams}
    packets: dict[int, list[Packet]] = {index: [] for index in units}
    for packet in found.get("packets", []):
        unit = units[packet["stream_index"]]
        pts = packet["pts"] * unit if "pts" in packet else None
        if int(packet["size"]):
            packets[packet["stream_index"]].append((pts, packet.get("duration", 0) * unit, packet["data_hash"]))
    return packets
