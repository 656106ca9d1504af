"""The documentation says what the commands do."""

import re
from pathlib import Path

import click
import pytest

from tsexpand import errors
from tsexpand.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *(p for p in (ROOT / "docs").glob("*.md") if p.stem not in ("architecture", "development")),
]
OTHERS = {"--constraint", "--help", "--debug", "--nproc-per-node", "--input", "--output-depth", "--max-cll"}
"""Of pip, click, torchrun and x265."""


def options() -> set[str]:
    groups = [command.commands.values() for command in cli.commands.values() if isinstance(command, click.Group)]
    commands = [*cli.commands.values(), *(command for group in groups for command in group)]
    names = (name for command in commands for option in command.params for name in option.opts + option.secondary_opts)
    return set(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_named_exists(page: Path) -> None:
    ours = re.sub(r"\| x265 .*?(?=```)", "", page.read_text(), flags=re.DOTALL)  # what we pipe into has its own
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours))
    assert named <= options() | OTHERS


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
    assert documented == raised | {0, 2, errors.INTERRUPTED, errors.BROKEN_PIPE}
