"""One clip from SDR to HDR."""

from .conversion import compiles, convert, prepared
from .options import ConvertOptions
from .report import ConvertProgress, ConvertReport, Spent, time_spent

__all__ = [
    "ConvertOptions",
    "ConvertProgress",
    "ConvertReport",
    "Spent",
    "compiles",
    "convert",
    "prepared",
    "time_spent",
]
