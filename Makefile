# Two commands set a fresh machine up: `make demo` and `make test`. Each makes its own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL ?=
LORALAB := $(BIN)/loralab
STAMP := $(VENV)/.installed
AXE := $(VENV)/axe.min.js
AXE_VERSION := 4.14.1

.PHONY: help demo test axe faults studies lint types check clean

help:
	@echo "make demo                  run the whole line on the built-in model and data"
	@echo "make demo MODEL=owner/name the same on a real model (needs a hub or a local folder)"
	@echo "make test                  run the tests (offline, after installation)"
	@echo "make axe                   fetch axe-core (npm), for the accessibility tests of pages in Chromium"
	@echo "make faults                kill 200 runs at random moments and carry them on (20 minutes or more)"
	@echo "make studies               kill a study at random moments and carry it on; SCENARIO=nodes for machines that are lost"
	@echo "make lint types            ruff and mypy --strict"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(LORALAB) demo $(if $(MODEL),--model $(MODEL))

# one process a core, up to four, and one thread in each; one that is done takes tests over from another; byte code is
# kept even where images switch that off, else each process that a test starts compiles everything again
test: $(STAMP)
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

# a script of the tests, not of the product; without it, or without Chromium, `make test` says what it could not check
axe: $(AXE)
$(AXE): | $(STAMP)
	npm pack --silent axe-core@$(AXE_VERSION) --pack-destination $(VENV)
	tar -xzf $(VENV)/axe-core-$(AXE_VERSION).tgz -C $(VENV) --strip-components=1 package/axe.min.js
	@rm $(VENV)/axe-core-$(AXE_VERSION).tgz

# ROUNDS=20 SEED=1 for others; the runs of a round that goes wrong stay where the first line says
ROUNDS ?= 200
SEED ?= 0
faults: $(STAMP)
	cd tests && OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 ../$(BIN)/python -m faults --rounds $(ROUNDS) --seed $(SEED)

# SCENARIO='kills --model FOLDER --seed 1' for real models too; SCENARIO=nodes needs root and pip install 'loralab[ray]'
SCENARIO ?= kills
studies: $(STAMP)
	cd tests && OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 ../$(BIN)/python -m studies $(SCENARIO)

lint: $(STAMP)
	$(BIN)/ruff check src tests scripts bench
	$(BIN)/ruff format --check src tests scripts bench

types: $(STAMP)
	$(BIN)/mypy

check: lint types test

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
