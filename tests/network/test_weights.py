import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tsexpand.errors import OutputError, WeightsError
from tsexpand.network import weights as module
from tsexpand.network.architectures import Architecture
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import load_weights, save_weights, shipped_folder, shipped_weights

from .models import random_network, random_signal, random_weights

State = dict[str, Tensor]


@pytest.fixture
def state() -> State:
    return dict(random_network().state_dict())


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State) -> Path:
    """A folder of shipped weights with one file, `ours`."""
    path = tmp_path / "net_params" / "ours.pth"
    path.parent.mkdir()
    save_weights(path, state, Parametrisation.ABSOLUTE, {})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / "SHA256SUMS").write_text(f"{digest}  ours.pth\n")
    monkeypatch.setattr(module, "shipped_folder", lambda: path.parent)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Code:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_what_is_saved_is_loaded(tmp_path: Path, state: State) -> None:
    path = tmp_path / "mine.pth"
    metadata: dict[str, object] = {"steps": 10, "scenes": ["a", "b"]}
    save_weights(path, state, Parametrisation.ABSOLUTE, metadata)
    weights = load_weights(str(path))
    assert (weights.name, weights.parametrisation, weights.metadata) == ("mine", Parametrisation.ABSOLUTE, metadata)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert all(torch.equal(value, state[name]) for name, value in weights.network.state_dict().items())
    assert not weights.network.training
    assert not any(p.requires_grad for p in weights.network.parameters())
    assert names(tmp_path) == ["mine.pth"]


@pytest.mark.parametrize("architecture", Architecture)
def test_a_file_says_which_network_it_is_of(tmp_path: Path, architecture: Architecture) -> None:
    network = random_weights(architecture)
    path = tmp_path / "mine.pth"
    save_weights(path, network.state_dict(), Parametrisation.ABSOLUTE, {}, architecture)
    loaded = load_weights(str(path)).network
    assert Architecture.of(loaded) is architecture
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_an_unknown_network_is_refused(tmp_path: Path, state: State) -> None:
    path = tmp_path / "other.pth"
    for name in ("unet", "u" * 3000):
        torch.save({"state_dict": state, "architecture": name}, path)
        with pytest.raises(WeightsError, match=f"unknown architecture '{name[:40]}'; known: expandnet, compact"):
            load_weights(str(path))


def test_the_compact_network_gives_absolute_light_only(tmp_path: Path) -> None:
    path = tmp_path / "relative.pth"
    state = random_weights(Architecture.COMPACT).state_dict()
    torch.save({"state_dict": state, "architecture": "compact", "parametrisation": "relative"}, path)
    with pytest.raises(WeightsError, match="only ExpandNet gives relative light"):
        load_weights(str(path))
    with pytest.raises(WeightsError, match="only ExpandNet gives relative light"):
        save_weights(path, state, Parametrisation.RELATIVE, {}, Architecture.COMPACT)


def test_weights_of_another_network_do_not_fit(tmp_path: Path, state: State) -> None:
    with pytest.raises(WeightsError, match=r"not weights of CompactNet: stem\.weight is missing"):
        save_weights(tmp_path / "w.pth", state, Parametrisation.ABSOLUTE, {}, Architecture.COMPACT)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrap", ["plain", "state_dict", "module"])
def test_public_checkpoints_load_as_relative(tmp_path: Path, state: State, wrap: str, zipped: bool) -> None:
    stored: object = {f"module.{k}": v for k, v in state.items()} if wrap == "module" else state
    stored = {"state_dict": stored} if wrap == "state_dict" else stored
    path = tmp_path / "public.pth"
    torch.save(stored, path, _use_new_zipfile_serialization=zipped)
    weights = load_weights(str(path))
    assert weights.parametrisation is Parametrisation.RELATIVE
    signal = random_signal(1, 3, 16, 16)
    torch.testing.assert_close(weights.network(signal), random_network()(signal), atol=1e-5, rtol=0)


def test_loading_draws_no_random_numbers(tmp_path: Path, state: State) -> None:
    torch.save(state, tmp_path / "a.pth")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load_weights(str(tmp_path / "a.pth"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("writer", ["torch", "legacy", "pickle2", "pickle5"])
def test_code_is_refused_and_not_run(tmp_path: Path, state: State, writer: str) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    stored = {"state_dict": state, "metadata": Code(marker)}
    if writer.startswith("pickle"):
        path.write_bytes(pickle.dumps(Code(marker), protocol=int(writer[-1])))
    else:
        torch.save(stored, path, _use_new_zipfile_serialization=writer == "torch")
    with pytest.raises(WeightsError, match=r"contains code.*(not run|nothing in it was run)"):
        load_weights(str(path))
    assert not marker.exists()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("length", [0, 10, 2000, 1_000_000, -100])
def test_truncated(tmp_path: Path, state: State, zipped: bool, length: int) -> None:
    path = tmp_path / "torn.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"torn\.pth: .*damaged"):
        load_weights(str(path))


@pytest.mark.parametrize("content", [b"hello, world", b"\x89PNG" + bytes(100), pickle.dumps([1, 2], protocol=2)])
def test_not_weights_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a weights file"):
        load_weights(str(path))


def test_what_does_not_fit_is_named(tmp_path: Path, state: State) -> None:
    del state["end_net.1.bias"]
    state["end_net.1.weight"] = torch.zeros(3, 32, 1, 1)
    state["head.weight"] = torch.zeros(1)
    state["glob_net.6.bias"] = torch.zeros(64, dtype=torch.int64)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as caught:
        load_weights(str(tmp_path / "odd.pth"))
    text = str(caught.value)
    assert "glob_net.6.bias is torch.int64" in text
    assert "end_net.1.weight is (3, 32, 1, 1), not (3, 64, 1, 1)" in text
    assert "end_net.1.bias is missing" in text
    assert text.endswith("and 1 more")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(tmp_path: Path, state: State, value: float) -> None:
    state["mid_net.3.bias"] = state["mid_net.3.bias"].index_fill(0, torch.tensor([5]), value)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"mid_net\.3\.bias has values that are not finite"):
        load_weights(str(tmp_path / "a.pth"))
    with pytest.raises(WeightsError, match="not finite"):
        save_weights(tmp_path / "b.pth", state, Parametrisation.RELATIVE, {})
    assert names(tmp_path) == ["a.pth"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parametrisation": "cubic"}, "parametrisation 'cubic'.*relative, absolute"),
        ({"metadata": 3}, "not a table"),
        ({"state_dict": [1]}, "not a table"),
    ],
)
def test_a_wrapping_that_means_nothing(tmp_path: Path, state: State, change: dict[str, object], message: str) -> None:
    torch.save({"state_dict": state} | change, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=message):
        load_weights(str(tmp_path / "a.pth"))


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    torch.save(state, tmp_path / "a.pth")
    monkeypatch.setattr(module, "_MAX_BYTES", 1 << 20)
    with pytest.raises(WeightsError, match="larger than 1 MiB"):
        load_weights(str(tmp_path / "a.pth"))


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, state: State) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/99", bytes(65 << 20))
    (tmp_path / "bomb.pth").write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match="unpacks to 6"):
        load_weights(str(tmp_path / "bomb.pth"))


def test_shipped_weights_by_name(shipped: Path) -> None:
    assert shipped_weights() == {"ours": shipped}
    assert load_weights("ours").name == "ours"


@pytest.mark.parametrize("given", ["ours", "path"])
def test_a_shipped_file_that_was_changed(shipped: Path, state: State, given: str) -> None:
    save_weights(shipped, state, Parametrisation.RELATIVE, {})
    with pytest.raises(WeightsError, match="SHA-256"):
        load_weights(str(shipped) if given == "path" else given)


def test_an_unknown_name_lists_the_known(shipped: Path) -> None:
    for name in ("theirs", "missing.pth", str(shipped.parent)):
        with pytest.raises(WeightsError, match=f"{name}: no such weights.*: ours"):
            load_weights(name)


def test_a_listed_file_that_is_missing(shipped: Path) -> None:
    shipped.unlink()
    with pytest.raises(WeightsError, match="ours: no such weights"):
        load_weights("ours")


def test_shipped_files_are_what_their_listing_says() -> None:
    files = set(shipped_folder().glob("*.pth"))
    assert set(shipped_weights().values()) == files
    for name in shipped_weights():
        load_weights(name)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(b"old")

    def full(part: Path, content: bytes) -> int:
        part.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        save_weights(path, state, Parametrisation.RELATIVE, {})
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.pth"]


def test_metadata_that_could_not_be_loaded_is_not_saved(tmp_path: Path, state: State) -> None:
    with pytest.raises(WeightsError, match="contains code"):
        save_weights(tmp_path / "a.pth", state, Parametrisation.RELATIVE, {"where": Path("x")})
    assert names(tmp_path) == []
