"""The networks that there are."""

from enum import Enum

from .compactnet import CompactNet
from .expandnet import ExpandNet

Network = ExpandNet | CompactNet
"""Whole frames by `forward`; in parts by `global_features` of the whole and `expand` of each, with its `halo`."""


class Architecture(Enum):
    """Which network it is.

    EXPANDNET: as published.
    COMPACT: ours, an eighth of the work.
    """

    EXPANDNET = "expandnet"
    COMPACT = "compact"

    @classmethod
    def of(cls, network: Network) -> "Architecture":
        """That of a network."""
        return cls.COMPACT if isinstance(network, CompactNet) else cls.EXPANDNET

    def network(self) -> Network:
        """A new network, its weights random."""
        return CompactNet() if self is Architecture.COMPACT else ExpandNet()
