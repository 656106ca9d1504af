"""The curves of a report as a picture; needs matplotlib."""

import importlib.util
import io
from typing import TYPE_CHECKING

from ..errors import TsexpandError
from .report import UNITS, EvaluationReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "pu4000": "PU21-PSNR at 4000 cd/m²",
    "delta_e_itp": "ΔE_ITP",
    "flicker": "flicker",
    "exposure_stops": "median log error",
    "added_flicker": "flicker added to the source",
    "exposure_to_source_stops": "median log ratio to the source",
}
"""The curves that are drawn, where a report has them, and what they are called."""

_WIDTH, _PANEL_HEIGHT, _DPI = 10.0, 2.2, 110


def check_plots(what: str = "--plot") -> None:
    """Raises TsexpandError where matplotlib is missing, which `what` needs; before long work, not after."""
    if importlib.util.find_spec("matplotlib") is None:
        raise TsexpandError(f"{what} needs matplotlib, which is not installed: pip install 'tsexpand[plots]'")


def draw(report: EvaluationReport) -> bytes:
    """A PNG with a panel for each kind of curve and a line for each prediction.

    Raises:
        TsexpandError: matplotlib is missing.
    """
    check_plots()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = [name for name in PANELS if name in report.predictions[0].curves]
    figure = Figure(figsize=(_WIDTH, 0.6 + _PANEL_HEIGHT * len(names)), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, name, report)
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=2, fontsize="small")
    panels[-1].set_xlabel("frame")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _draw_panel(axes: "Axes", name: str, report: EvaluationReport) -> None:
    for prediction in report.predictions:
        curve = prediction.curves[name]
        axes.plot(range(1, len(curve) + 1), curve, label=prediction.name, marker="." if len(curve) < 60 else "")
    unit = f"\n{UNITS[name]}" if UNITS[name] else ""
    axes.set_ylabel(f"{PANELS[name]}{unit}", fontsize="small")
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)
