import importlib.util
from pathlib import Path

import pytest

from tests.evaluation.light import moving_light, unsteady, write_sequence
from tsexpand.errors import TsexpandError
from tsexpand.evaluation.evaluate import EvaluateOptions, evaluate
from tsexpand.evaluation.plot import PANELS, check_plots, draw
from tsexpand.evaluation.report import UNITS


def test_the_curves_are_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra [plots], is not installed")
    truth = moving_light(3)
    write_sequence(tmp_path / "truth", truth)
    write_sequence(tmp_path / "prediction", unsteady(truth))
    names = (str(tmp_path / "prediction"), str(tmp_path / "truth"))
    assert draw(evaluate(EvaluateOptions(names, names[1]))).startswith(b"\x89PNG")


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TsexpandError, match=r"pip install 'tsexpand\[plots\]'"):
        check_plots()


def test_panels_are_curves_with_units() -> None:
    assert PANELS.keys() <= UNITS.keys()
