"""`python -m tsexpand`."""

from .cli import main

main()
