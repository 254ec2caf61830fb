# Needs python3 (3.11 or newer, with venv) and make; the rest goes into .venv, from the pinned files in requirements/.
# PYTHON=python3.13 make setup   chooses another interpreter for a new .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := uv==0.13.8
ARGS ?=
MAKEFLAGS += --no-print-directory

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install -qq --require-hashes
say = echo "== $(1)" >&2

.DEFAULT_GOAL := help
.PHONY: help setup run sandbox test check lint bench nightly survival chaos cuts docs lock clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'

setup: $(VENV)/.run $(VENV)/.dev $(VENV)/.exchange  ## everything for working on the project, in .venv
	@:

run: $(VENV)/.run  ## the demo: all four venues in a sandbox on this machine (ARGS="--seconds 8 --json")
	@exec $(BIN)/venuewire demo $(ARGS)

sandbox: $(VENV)/.run  ## the sandbox alone, for any client in any language (ARGS=...)
	@exec $(BIN)/venuewire sandbox $(ARGS)

test: check  ## the same as check

check: lint $(VENV)/.exchange  ## what to run before sharing: lint, types, import contracts, tests
	@$(call say,tests)
	@$(BIN)/pytest $(ARGS)

lint: $(VENV)/.run $(VENV)/.dev  ## format, lint, types (twice), import contracts
	@$(call say,format and lint)
	@$(BIN)/ruff format --check --quiet || { echo 'Mend it with: $(BIN)/ruff format' >&2; exit 1; }
	@$(BIN)/ruff check --quiet
	@$(call say,import contracts)
	@out=$$($(BIN)/lint-imports --no-logo --no-cache 2>&1) || { echo "$$out"; exit 1; }
	@$(call say,types: mypy)
	@$(BIN)/mypy
	@$(call say,types: basedpyright)
	@$(BIN)/basedpyright

bench: $(VENV)/.run $(VENV)/.dev $(VENV)/.exchange  ## the measurements in benches/ (ARGS="flood", ARGS="all --record")
	@exec $(BIN)/python -m benches $(ARGS)

nightly: $(VENV)/.run $(VENV)/.dev $(VENV)/.exchange  ## ten thousand simulated worlds with random faults, and every fault at every frame (half an hour on two cores)
	@exec $(BIN)/python -m tests.simulation $(ARGS)

survival: $(VENV)/.run  ## each fault against each client, into docs/survival.md (about twenty minutes)
	@exec $(BIN)/python -m benches.survival $(ARGS)

chaos: $(VENV)/.run $(VENV)/.dev $(VENV)/.exchange  ## a trader at every venue, killed 500 times, then compared (about twelve minutes)
	@exec $(BIN)/python -m tests.chaos $(ARGS)

cuts: $(VENV)/.run $(VENV)/.dev  ## the line cut at every byte of every order command, over sockets (about half an hour)
	@exec $(BIN)/python -m tests.simulation.cuts $(ARGS)

docs: $(VENV)/.run $(VENV)/.dev  ## the tables and diagrams of docs/, made from the code
	@exec $(BIN)/python docs/make.py $(ARGS)

lock:  ## pin the newest versions that fit pyproject.toml, for every platform
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install -qq '$(UV)'; }
	@PYTHON=.venv-lock/bin/python UV=.venv-lock/bin/uv sh requirements/lock.sh

clean:  ## what the tools leave behind; .venv stays (rm -rf .venv begins anew)
	@rm -rf build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .venv-lock
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment; each stamp is as new as the files it was made from ----------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "venuewire needs Python 3.11 or newer")'
	@$(call say,making $(VENV))
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.pinned: requirements/run.txt | $(BIN)/python
	@$(call say,installing what it runs on)
	@$(INSTALL) -r requirements/run.txt
	@touch $@

$(VENV)/.run: pyproject.toml hatch_build.py src/venuewire/_version.py $(wildcard src/venuewire/book/*.c src/venuewire/book/native/*.c) $(VENV)/.pinned
	@$(PIP) install -qq --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.pinned
	@$(call say,installing the tools for checks (about 400 MB; once))
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/.exchange: hatch_build.py $(wildcard src/venuewire/sandbox/*.py) $(VENV)/.run $(VENV)/.dev
	@$(call say,compiling the sandbox's exchange (a quarter of a minute; without a C compiler it stays as it is))
	@$(BIN)/python hatch_build.py
	@touch $@
