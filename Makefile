# `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint clean

$(VENV)/.installed: setup.cfg constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	mkdir -p demo
	$(BIN)/tsexpand convert docs/demo/clip.mp4 demo/hdr10.mp4 --also demo/exr --overwrite
	$(BIN)/python docs/demo/picture.py docs/demo/clip.mp4 demo/exr demo/picture.png
	@echo "HDR10: demo/hdr10.mp4   EXR: demo/exr/   to look at: demo/picture.png (SDR, HDR; HDR at -2 and -4 stops)"

test: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
