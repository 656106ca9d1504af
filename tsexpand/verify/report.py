"""What was looked at, and what was found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at.

    Attributes:
        name: of it.
        passed: whether it is as it should be.
        detail: what was found, in a few words.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found of a delivery.

    Attributes:
        name: of the file or folder.
        frames: that it holds.
        checks: all that were made.
    """

    name: str
    frames: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all did."""
        return all(check.passed for check in self.checks)
