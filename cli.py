"""Runs tsexpand from a checkout: `python cli.py convert INPUT OUTPUT`."""

from tsexpand.cli import main

if __name__ == "__main__":
    main()
