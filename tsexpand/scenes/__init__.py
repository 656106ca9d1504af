"""What HDR scenes are, wherever they are used: which belong together, and what their shape says."""
