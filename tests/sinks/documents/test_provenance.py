import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tsexpand.errors import InputError
from tsexpand.sinks.documents.provenance import fingerprint, versions

MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 10, MIB, MIB + 1, 3 * MIB])
def test_a_fingerprint_is_of_both_ends(tmp_path: Path, size: int) -> None:
    content = bytes(i * i % 251 for i in range(1000)) * (size // 1000 + 1)
    path = tmp_path / "clip.bin"
    path.write_bytes(content[:size])
    ends = content[:size][:MIB] + content[:size][-MIB:]
    assert fingerprint(str(path)) == {"bytes": size, "sha256_of_ends": hashlib.sha256(ends).hexdigest()}


def test_it_is_what_the_documentation_says(tmp_path: Path) -> None:
    if shutil.which("bash") is None or shutil.which("sha256sum") is None:
        pytest.skip("needs bash and sha256sum")
    (tmp_path / "clip.mp4").write_bytes(bytes(range(256)) * 10000)
    command = "(head -c 1048576 clip.mp4; tail -c 1048576 clip.mp4) | sha256sum"
    assert command in (Path(__file__).parents[3] / "docs" / "sidecar.md").read_text()
    printed = subprocess.check_output(["bash", "-c", command], cwd=tmp_path, text=True)
    assert printed.split()[0] == fingerprint(str(tmp_path / "clip.mp4"))["sha256_of_ends"]


@pytest.mark.parametrize("name", ["-", "https://example.org/" + 300 * "a", "scan.%06d.png"])
def test_what_is_no_file_has_none(name: str) -> None:
    assert fingerprint(name) == {"bytes": None, "sha256_of_ends": None}


def test_a_file_that_is_gone_meanwhile_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isfile", lambda path: True)
    with pytest.raises(InputError, match=r"clip\.mp4: can't be read \(No such file"):
        fingerprint(str(tmp_path / "clip.mp4"))


def test_versions_name_all_that_makes_pixels() -> None:
    found = versions()
    assert found.keys() >= {"tsexpand", "python", "torch", "av", "ffmpeg", "openexr", "platform", "cpu_capability"}
    assert all(isinstance(value, str) and value for value in found.values())
