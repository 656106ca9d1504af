"""Pictures on their own, each a file: what kind of file, what it says of itself, its pixels."""
