"""Code of ours in C++: compiled for this machine, tried, and kept in the user's cache."""

from enum import Enum


class Compilation(Enum):
    """Whether code that is compiled for this machine runs: where that is repaid, always, or never."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
