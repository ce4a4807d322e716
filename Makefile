# One word for each thing that one does here; everything lives in .venv, nothing else is touched.
# A bare machine needs Python 3.11 or later and make.

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

# The first of these that exists; override with: make PYTHON=/path/to/python test
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
UV := $(shell command -v uv 2>/dev/null)
TESTS ?= tests
WORKERS ?= auto
SECONDS ?= 900

.PHONY: help demo test test-all check format docs bench fuzz servers dist clean

help:  ## list these words
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/run.stamp  ## see lkdoctor work: no account, no network, no set-up
	$(BIN)/lkdoctor demo

test: .venv/dev.stamp  ## the tests that this machine can run; says what it lacks, a line a need
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

test-all: .venv/dev.stamp servers  ## all tests: installs real livekit-servers, wants the proxies, too, skips nothing
	LKDOCTOR_REQUIRE_ALL=1 $(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

check: .venv/dev.stamp  ## formatting, lint, types, import contracts, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/docs.py --check
	$(BIN)/python scripts/schema.py --check

format: .venv/dev.stamp  ## let ruff lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/dev.stamp  ## write what is generated: pages, schema, picture, README output, screens
	$(BIN)/python scripts/docs.py
	$(BIN)/python scripts/schema.py
	$(BIN)/python scripts/picture.py
	$(BIN)/python scripts/readme.py
	LKDOCTOR_UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/report

bench: .venv/dev.stamp  ## benchmarks: ratios in one run
	for b in startup ws_probe ice diagnose rooms_list many project_dir rehearse; do $(BIN)/python benchmarks/$$b.py || exit 1; done

fuzz: .venv/dev.stamp  ## a million inputs to each parser, SECONDS of time each at most (Linux on x86-64)
	$(BIN)/python tests/fuzz/coverage_guided.py --inputs 1000000 --seconds $(SECONDS)

servers: .venv/run.stamp  ## install the real livekit-servers that tests compare with (needs Go)
	$(BIN)/python scripts/install_servers.py --all

dist: .venv/dev.stamp  ## build the wheel
	$(BIN)/python -m build

clean:  ## remove what make made
	rm -rf .venv dist build

.venv/python.stamp:
	@test -n "$(PYTHON)" || { echo "lkdoctor needs Python 3.11 or later: https://www.python.org/downloads"; exit 1; }
ifdef UV
	$(UV) venv -q --allow-existing --python "$(PYTHON)" .venv
else
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
endif
	@touch $@

.venv/run.stamp: .venv/python.stamp pyproject.toml
ifdef UV
	VIRTUAL_ENV=.venv $(UV) pip install -q -e .
else
	$(BIN)/python -m pip install -q -e .
endif
	@touch $@

.venv/dev.stamp: .venv/python.stamp pyproject.toml
ifdef UV
	VIRTUAL_ENV=.venv $(UV) pip install -q -e . --group dev
else
	$(BIN)/python -m pip install -q -e . --group dev
endif
	@touch $@ .venv/run.stamp
