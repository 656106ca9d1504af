# `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint models clean

$(VENV)/.installed: setup.cfg constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q tsexpand
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

# Weights as the shipped ones, from scratch (the model card says how those came about); each goes on where it was interrupted. Hours to days on a CPU.
SCENES     ?= ../shared/hdr/train
VALIDATION ?= ../shared/hdr/val
TRAIN      := $(BIN)/tsexpand train $(SCENES)
HOW        := --validation $(VALIDATION) --precision bfloat16 --compile --overwrite
TUNING     := $(HOW) --phase second --init models/base.pth --size 96 --steps 600 --validate-every 600 --learning-rate 6e-5 --seed 41
STABLE     := L1 L2 rec ssim

models: models/baseRec_tuningRec.pth $(STABLE:%=models/baseRec_tuningStab_%Loss.pth)

models/base.pth: | $(VENV)/.installed
	mkdir -p models
	$(TRAIN) $@ $(HOW) --steps 12000

models/baseRec_tuningRec.pth: models/base.pth
	$(TRAIN) $@ $(TUNING)

models/baseRec_tuningStab_%Loss.pth: models/base.pth
	$(TRAIN) $@ $(TUNING) --stability $(shell echo $* | tr A-Z a-z)

# The fast one, taught by the shipped default.
COMPACT    := --network compact --teacher baseRec_tuningStab_L1Loss --validation $(VALIDATION) --overwrite

models/compact.pth: | $(VENV)/.installed
	mkdir -p models
	$(TRAIN) $@ $(COMPACT) --steps 8000 --learning-rate 1e-3

models/fast.pth: models/compact.pth
	$(TRAIN) $@ $(COMPACT) --phase second --init $< --stability l1 --steps 2000 --learning-rate 3e-4 --seed 41

clean:
	rm -rf demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
