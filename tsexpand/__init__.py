"""SDR footage to HDR that does not flicker."""

__version__ = "0.1.0"
