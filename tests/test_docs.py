"""The documentation says what the commands do."""

import re
from pathlib import Path

import pytest

from tsexpand import errors
from tsexpand.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "cli.md", ROOT / "docs" / "colour.md"]
PIP_AND_SHELL = {"--constraint", "--help", "--debug"}


def options() -> set[str]:
    return {name for command in cli.commands.values() for option in command.params for name in option.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_named_exists(page: Path) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text()))
    assert named <= options() | PIP_AND_SHELL


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_named_exists(page: Path) -> None:
    named = set(re.findall(r"^(?:cat \S+ \| )?tsexpand (\w+)", page.read_text(), re.MULTILINE))
    assert named <= cli.commands.keys()


@pytest.mark.parametrize("page", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_every_exit_code_is_documented() -> None:
    table = (ROOT / "docs" / "cli.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    raised = {e.exit_code for e in vars(errors).values() if isinstance(e, type) and hasattr(e, "exit_code")}
    assert documented == raised | {0, 2, errors.INTERRUPTED}
