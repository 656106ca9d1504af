"""Teaching the network: scenes, views of them, what cameras and codecs do to them, and the loop."""
