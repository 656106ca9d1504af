"""Memory does not grow with the clip. By hand: pytest -m slow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "memory.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_peak_memory_is_that_of_a_short_clip(tmp_path: Path) -> None:
    result = tmp_path / "memory.json"
    command = [sys.executable, str(BENCHMARK), "--analytic", "--frames", "100", "1000", "--json", str(result)]
    subprocess.run(command, check=True, cwd=BENCHMARK.parent.parent)
    assert abs(json.loads(result.read_text())["growth"]) < 0.05
