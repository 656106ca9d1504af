import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.evaluation.light import moving_light, unsteady, write_sequence
from tsexpand.cli.evaluate import LABELS, evaluate_command
from tsexpand.errors import InputError, OutputError
from tsexpand.evaluation.evaluate import EvaluateOptions, evaluate


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_sequence(tmp_path / "truth", moving_light(3))
    write_sequence(tmp_path / "ours", unsteady(moving_light(3)))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(evaluate_command, arguments, env={"COLUMNS": "120"})


def test_the_table_has_a_column_for_each(folders: Path) -> None:
    result = run("ours", "--against", "truth", "--reference", "truth", "--fit")
    assert result.exit_code == 0, result.exception
    for text in ("ours", "truth", "PU21-PSNR 4000, dB", "wobble, stops", "fitted scale", "138.16"):
        assert text in result.output


def test_json_on_stdout_is_all_there_is(folders: Path) -> None:
    result = run("ours", "--reference", "truth", "--source", "truth", "--json", "-")
    values = json.loads(result.stdout)
    (ours,) = values["predictions"]
    assert (values["reference"], ours["prediction"], ours["frames"]) == ("truth", "ours", 3)
    assert values["units"]["pu1000"] == "dB" and ours["scores"].keys() == values["units"].keys()
    assert len(ours["per_frame"]["added_flicker"]) == 3


def test_files_are_written_beside_the_table(folders: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra [plots], is not installed")
    result = run("ours", "--reference", "truth", "--json", "a.json", "--plot", "a.png")
    assert "SSIM" in result.stdout
    assert json.loads((folders / "a.json").read_text())["predictions"][0]["frames"] == 3
    assert (folders / "a.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in folders.iterdir()} == {"a.json", "a.png", "truth", "ours"}


def test_files_that_exist_are_kept(folders: Path) -> None:
    (folders / "a.json").write_text("mine")
    result = run("ours", "--reference", "truth", "--json", "a.json")
    assert isinstance(result.exception, OutputError) and "--overwrite" in str(result.exception)
    assert (folders / "a.json").read_text() == "mine"
    assert run("ours", "--reference", "truth", "--json", "a.json", "--overwrite").exit_code == 0
    assert (folders / "a.json").read_text().startswith("{")
    result = run("ours/clip.1.exr", "--reference", "truth/clip.1.exr", "--json", "truth/clip.1.exr", "--overwrite")
    assert isinstance(result.exception, OutputError) and "is an input" in str(result.exception)


def test_nothing_to_compare_with_is_a_usage_error(folders: Path) -> None:
    assert run("ours").exit_code == 2


def test_what_is_missing_is_an_input_error(folders: Path) -> None:
    result = run("ours", "--reference", "nowhere")
    assert isinstance(result.exception, InputError) and "nowhere" in str(result.exception)


def test_every_number_has_a_label(folders: Path) -> None:
    report = evaluate(EvaluateOptions(("ours",), "truth", "truth", frames=1))
    assert report.predictions[0].numbers.keys() == LABELS.keys()
