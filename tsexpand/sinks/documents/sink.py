"""Documents of a pass: one measurement for all of them, written at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from ...colour.hdr10 import ContentLight, MasteringDisplay
from ...colour.light_statistics import FrameStatistics, frame_statistics
from ...colour.transfer import pq_inverse_eotf
from ...cores import filled
from ...errors import OutputError
from ...frames import LightBatch, Timing, VideoInfo
from .. import Fetch
from ..paths import check_file, check_parent, make_file, partial_name, remove, reserve_part, translated
from ..video_signal import hdr10_light
from . import Document, document_of
from .dovi import dovi_lines
from .hdr10plus import hdr10plus_lines
from .provenance import Provenance, fingerprint
from .record import LightRecord
from .sidecar import sidecar_lines


@dataclass(frozen=True, slots=True)
class Measured:
    """What documents need of a batch, on the CPU."""

    statistics: FrameStatistics
    timings: tuple[Timing, ...]
    thumbnails: Tensor


class DocumentSink:
    """Measures light as HDR10 carries it, and writes what documents tell of it.

    Args:
        outputs: files, names of documents.
        info: of the source.
        mastering: the display that the pictures are for.
        overwrite: whether existing files may be replaced.
        is_pq: whether the delivery is PQ; metadata of Dolby Vision and HDR10+ describe nothing else.
        provenance: of the delivery, asked for when all else is done.

    Raises:
        OutputError: a document does not go with what is delivered.
    """

    def __init__(
        self,
        outputs: Sequence[Path],
        info: VideoInfo,
        mastering: MasteringDisplay,
        overwrite: bool,
        is_pq: bool,
        provenance: Callable[[], Provenance],
    ) -> None:
        self._outputs = {output.absolute(): document_of(output) for output in outputs}
        for output, kind in self._outputs.items():
            if kind is not Document.SIDECAR and not is_pq:
                raise OutputError(f"{output}: describes PQ, and this is HLG; leave out this output or --transfer hlg")
        self._info = info
        self._mastering = mastering
        self._overwrite = overwrite
        self._is_pq = is_pq
        self._provenance = provenance
        self._record = LightRecord()
        self._stack = ExitStack()

    @property
    def notices(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of what was written; none for HLG, which has no such metadata."""
        return self._record.content_light if self._is_pq else None

    def __enter__(self) -> Self:
        self._fingerprint = fingerprint(self._info.name)
        with ExitStack() as stack:
            self._parts = {output: self._reserved(output, stack) for output in self._outputs}
            self._stack = stack.pop_all()
        return self

    def _reserved(self, output: Path, stack: ExitStack) -> Path:
        check_parent(output)
        check_file(output, self._overwrite)
        part = reserve_part(output, make_file)
        stack.callback(remove, part)
        return part

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> Measured:
        """Measures light; pictures stay where they are."""
        statistics = frame_statistics(hdr10_light(batch), _encoded)
        return Measured(statistics.each(fetch), batch.timings, batch.thumbnails)

    def write(self, prepared: Measured) -> None:
        """Notes one batch."""
        self._record.add(prepared.statistics, prepared.timings, prepared.thumbnails)

    def finish(self, partial: bool = False) -> None:
        """Writes the documents."""
        self._record.finish()
        for output, part in self._parts.items():
            with translated(output), part.open("w", encoding="utf-8") as file:
                file.writelines(self._lines(output, partial))

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Gives the documents their names."""
        return tuple(self._publish(output, partial) for output in self._parts)

    def _publish(self, output: Path, partial: bool) -> Path:
        with translated(output):
            return self._parts[output].replace(partial_name(output, self._end(output)) if partial else output)

    def _end(self, output: Path) -> str:
        kind = self._outputs[output]
        assert kind is not None
        return kind.value if output.name.lower().endswith(kind.value) else output.suffix

    def _lines(self, output: Path, partial: bool) -> Iterator[str]:
        if self._outputs[output] is Document.DOLBY_VISION:
            return dovi_lines(self._record, self._mastering)
        if self._outputs[output] is Document.HDR10_PLUS:
            return hdr10plus_lines(self._record)
        return sidecar_lines(self._record, self._info, self._fingerprint, self._provenance(), not partial)


def _encoded(light: Tensor) -> Tensor:
    """The PQ signal, by strips on all cores."""
    return filled(torch.empty_like(light), pq_inverse_eotf, light)
