"""One clip from SDR to HDR."""

from .conversion import convert, prepared
from .motion import motion_for
from .options import ConvertOptions
from .report import ConvertProgress, ConvertReport, Spent, time_spent

__all__ = [
    "ConvertOptions",
    "ConvertProgress",
    "ConvertReport",
    "Spent",
    "convert",
    "motion_for",
    "prepared",
    "time_spent",
]
