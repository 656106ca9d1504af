"""Code of ours in C++: compiled for this machine, tried, and kept in the user's cache."""
