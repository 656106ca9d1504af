from pathlib import Path

import pytest

from tsexpand.cli.train_view import TableView
from tsexpand.training.loop import Progress
from tsexpand.training.options import TrainOptions


def test_the_table_shows_the_latest_validations_under_the_analytic_picture(capsys: pytest.CaptureFixture[str]) -> None:
    options = TrainOptions((Path("scenes"),), Path("w.pth"), 1000)
    with TableView(options, {"pu4000": 30.0}) as view:
        for step in range(100, 1100, 100):
            view.show(Progress(step, 0.5, 3.0, 0.0, {"pu4000": 30 + step / 100}))
            view.show(Progress(step + 20, 0.5, 3.0, 0.0))
    rows = [line.split("│")[1:3] for line in capsys.readouterr().err.splitlines() if "│" in line]
    assert [step.strip() for step, _ in rows] == ["analytic", *(str(step) for step in range(300, 1100, 100))]
    assert rows[0][1].strip() == "30.00" and rows[-1][1].strip() == "40.00"
