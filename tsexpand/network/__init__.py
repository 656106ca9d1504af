"""The network: its layers, its weights, and its whole-frame result from tiles."""
