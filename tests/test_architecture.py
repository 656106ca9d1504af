"""The house: imports go down only, and each dependency has one door."""

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tsexpand"

FLOORS = {
    "errors": 0,
    "constants": 0,
    "control_groups": 0,
    "cores": 0.5,  # in terms of control_groups, freed_memory and vector_functions
    "freed_memory": 0,
    "vector_functions": 0,
    "gpu_memory": 0,
    "replay": 0.5,  # in terms of gpu_memory
    "frames": 0.5,  # the types that cross the pipeline, in terms of colour/: still the ground floor
    "interruption": 0.5,  # in terms of errors
    "colour": 0.3,  # in terms of constants
    "compiled": 0.5,  # in terms of errors
    "scenes": 0,
    "flow": 1,
    "codecs": 1,
    "network": 1,
    "temporal": 1,
    "sinks": 2,
    "engines": 2,
    "convert": 3,
    "probe": 3,
    "verify": 3,
    "training": 3,
    "evaluation": 3,
    "datasets": 3,
    "bench": 3.5,  # measures what convert does
    "sheet": 3.5,  # shows what convert does
    "cli": 4,
    "__main__": 5,
}
# Beside the ground floor, what a room of floor 2 may see.
MAY_USE = {"sinks": {"codecs", "temporal"}, "engines": {"network"}}
DOORS = {
    "av": {"codecs"},
    "OpenEXR": {"codecs"},
    "click": {"cli"},
    "rich": {"cli"},
    "ray": {"batch"},
    "rawpy": {"datasets"},
    "matplotlib": {"evaluation", "sheet"},
    "tensorboard": {"training"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The top-level module or package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[tuple[str, ...]]:
    """Absolute names of what a file imports, as parts."""
    here = ("tsexpand", *path.relative_to(PACKAGE).with_suffix("").parts)
    names: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            names |= {(*module, alias.name) for alias in node.names} if module == ("tsexpand",) else {module}
    return names


def test_every_room_has_a_floor() -> None:
    rooms = {room(path) for path in MODULES} - {"__init__"}
    assert rooms <= FLOORS.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    for name in imported(path):
        if name[0] != "tsexpand" or len(name) < 2 or name[1] in (own, "__version__"):
            continue
        other = name[1]
        assert FLOORS[other] < FLOORS[own], f"{path.name} of {own} imports {other}, which is not below it"
        if own in MAY_USE:
            assert FLOORS[other] < 1 or other in MAY_USE[own], f"{own} must not know {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_dependency_has_one_door(path: Path) -> None:
    for name in imported(path):
        if name[0] in DOORS:
            assert room(path) in DOORS[name[0]], f"{path} imports {name[0]}"


def test_all_packages_are_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in PACKAGE.rglob("__init__.py")}
    assert listed == found | {"tsexpand.net_params"}
