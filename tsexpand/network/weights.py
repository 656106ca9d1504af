"""Weights files: finding, trusting, fitting, writing.

A file is untrusted until proven: it is read once, within a bound, hashed, and unpickled without
running code (`weights_only`); its tensors must be exactly those of the network, and finite.
"""

import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ..errors import OutputError, WeightsError
from .architectures import Architecture, Network
from .output import Parametrisation

_MAX_BYTES = 64 << 20
"""Far above any weights of this network (2 MB), and little to hold in memory."""

_CHECKSUMS = "SHA256SUMS"

_Kind = TypeVar("_Kind", bound=Enum)


@dataclass(frozen=True, slots=True)
class Weights:
    """A network ready to use, and where it comes from.

    Attributes:
        network: in evaluation mode, on the CPU, without gradients.
        parametrisation: what its output means.
        name: of the shipped weights, or of the file without its suffix.
        sha256: of the file, hexadecimal.
        metadata: plain values that the file carries, for people.
    """

    network: Network
    parametrisation: Parametrisation
    name: str
    sha256: str
    metadata: dict[str, object]


def shipped_folder() -> Path:
    """The folder of the shipped weights: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "net_params"
    return inside if inside.is_dir() else package.parent / "net_params"


def _checksums(folder: Path) -> dict[Path, str]:
    """The files listed in a folder's SHA256SUMS (as `sha256sum` writes it), and their checksums."""
    listing = folder / _CHECKSUMS
    if not listing.is_file():
        return {}
    lines = (line.split(maxsplit=1) for line in listing.read_text().splitlines() if line.strip())
    return {folder / name.lstrip("*"): digest for digest, name in lines}


def shipped_weights() -> dict[str, Path]:
    """Name to file of the weights that come with the package: what SHA256SUMS lists, sorted."""
    return {path.stem: path for path in sorted(_checksums(shipped_folder())) if path.suffix == ".pth"}


def find_weights(name_or_path: str) -> Path:
    """The file of shipped weights by name, or the path itself.

    Raises:
        WeightsError: neither such a name nor such a file.
    """
    shipped = shipped_weights()
    path = shipped.get(name_or_path, Path(name_or_path))
    if not path.is_file():
        names = ", ".join(shipped) or "none"
        raise WeightsError(f"{name_or_path}: no such weights; give a file, or one of the shipped: {names}")
    return path


def load_weights(name_or_path: str) -> Weights:
    """Reads weights: ours, or a public checkpoint.

    Ours is `{"state_dict", "architecture", "parametrisation", "metadata"}`, of ExpandNet where it names no
    architecture. A public checkpoint is the state dict itself, or wrapped as `{"state_dict"}`, its keys perhaps with
    the prefix "module."; it is RELATIVE.

    Raises:
        WeightsError: not found, unreadable, wrong checksum, containing code, damaged, or not fitting
            the network.
    """
    path = find_weights(name_or_path)
    content, sha256 = _read(path)
    stored = _unpickle(content, path)
    if "optimisers" in stored:
        raise WeightsError(f"{path}: a checkpoint of a training; its weights are in the .pth beside it when it is done")
    state = stored.get("state_dict", stored)
    metadata = stored.get("metadata", {})
    if not isinstance(state, Mapping) or not isinstance(metadata, dict):
        raise WeightsError(f"{path}: not a weights file: its state_dict or metadata is not a table")
    architecture = _named(Architecture, "architecture", Architecture.EXPANDNET, stored, path)
    parametrisation = _named(Parametrisation, "parametrisation", Parametrisation.RELATIVE, stored, path)
    network = _fit(state, architecture, parametrisation, str(path))
    return Weights(network, parametrisation, path.stem, sha256, metadata)


def save_weights(
    path: Path,
    network_state: Mapping[str, Tensor],
    parametrisation: Parametrisation,
    metadata: dict[str, object],
    architecture: Architecture = Architecture.EXPANDNET,
) -> None:
    """Writes a weights file: whole or not at all.

    Args:
        path: replaced where it exists.
        network_state: of a network.
        parametrisation: that it was trained for.
        metadata: plain values (text, numbers, lists and dicts of them).
        architecture: of the network.

    Raises:
        WeightsError: the state does not fit the network, or holds what `load_weights` would refuse.
        OutputError: the file can't be written.
    """
    state = _fit(network_state, architecture, parametrisation, str(path)).state_dict()
    stored = {"state_dict": dict(state), "parametrisation": parametrisation.value, "metadata": metadata}
    stored["architecture"] = architecture.value
    buffer = io.BytesIO()
    torch.save(stored, buffer)
    _unpickle(buffer.getvalue(), path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(buffer.getvalue())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: weights not written ({error.strerror})") from error


def _read(path: Path) -> tuple[bytes, str]:
    """The bytes of a file and their SHA-256, compared with the shipped one where there is one."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise WeightsError(f"{path}: weights can't be read ({error.strerror})") from error
    if len(content) > _MAX_BYTES:
        raise WeightsError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, so not weights of this network")
    sha256 = hashlib.sha256(content).hexdigest()
    expected = _checksums(shipped_folder()).get(path.parent.resolve() / path.name, sha256)
    if sha256 != expected:
        raise WeightsError(f"{path}: SHA-256 {sha256[:12]}… is not the listed {expected[:12]}…; install the file anew")
    return content, sha256


def _unpickle(content: bytes, path: Path) -> dict[str, object]:
    """What a file holds, without running any code of it."""
    try:
        _refuse_bomb(content, path)
        with warnings.catch_warnings(action="ignore"):  # advice on pickle protocols, then an error anyway
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # a stranger's bytes make the unpickler raise almost any type
        raise WeightsError(f"{path}: {_refusal(error)}") from error
    if not isinstance(stored, dict):
        raise WeightsError(f"{path}: not a weights file: holds a {type(stored).__name__}, not a table of tensors")
    return stored


def _refusal(error: Exception) -> str:
    """Why a file was not unpickled: torch names the global that code would need, where it gets so far."""
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code is None:
        return "not a weights file: damaged, or it contains code; nothing in it was run"
    return f"contains code ({code[1]}), which was not run; a weights file holds tensors and plain values only"


def _refuse_bomb(content: bytes, path: Path) -> None:
    """Bounds what an archive unpacks to; weights are stored, not compressed."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        unpacked = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(content)).infolist())
        if unpacked > _MAX_BYTES:
            raise WeightsError(f"{path}: unpacks to {unpacked >> 20} MiB, so not weights of this network")


def _named(kinds: type[_Kind], key: str, default: _Kind, stored: dict[str, object], path: Path) -> _Kind:
    """What a file says under a key, one of several kinds."""
    name = stored.get(key, default.value)
    known = {kind.value: kind for kind in kinds}
    if not isinstance(name, str) or name not in known:
        raise WeightsError(f"{path}: unknown {key} {str(name)[:40]!r}; known: {', '.join(known)}")
    return known[name]


def _fit(
    state: Mapping[str, object], architecture: Architecture, parametrisation: Parametrisation, where: str
) -> Network:
    """The network with these tensors, or all that is wrong with them (the first few, by name)."""
    if architecture is not Architecture.EXPANDNET and parametrisation is Parametrisation.RELATIVE:
        raise WeightsError(f"{where}: only ExpandNet gives relative light")
    found = {str(name).removeprefix("module."): value for name, value in state.items()}
    with torch.device("meta"):  # shapes only: no memory, no random numbers drawn
        network = architecture.network()
    expected = network.state_dict()
    problems = [f"{name} {p}" for name, t in expected.items() if (p := _problem(found.get(name), t.shape))]
    problems += [f"{name} is not of this network" for name in found if name not in expected]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise WeightsError(f"{where}: not weights of {type(network).__name__}: {'; '.join(problems[:3])}{more}")
    tensors = {name: _copy(value) for name, value in found.items() if isinstance(value, Tensor)}
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False)


def _copy(tensor: Tensor) -> Tensor:
    """A plain float32 tensor that shares memory with no other."""
    return tensor.detach().to("cpu", torch.float32, copy=True).contiguous()


def _problem(value: object, shape: torch.Size) -> str | None:
    if value is None:
        return "is missing"
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta:
        return "is not a plain tensor"
    if not value.is_floating_point():
        return f"is {value.dtype}, not a floating-point type"
    if value.shape != shape:
        return f"is {tuple(value.shape)}, not {tuple(shape)}"
    return None if bool(value.isfinite().all()) else "has values that are not finite"
