# make demo: the whole path on this machine. make test: every test that runs without a workspace.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BIN := .venv/bin
# Tools that the environment brings (uv builds the wheel when the bundle is deployed) come first.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/.tools/uv/bin:$(PATH)
export PYTHONUNBUFFERED := 1
# Commands and tests start many processes, which would each compile every module, where the shell says so.
export PYTHONDONTWRITEBYTECODE :=
SCALE ?= 0.01
TRIGGER ?= lua
CLONE_METHOD ?= shallow
EXAMPLES ?= 2000
SEED ?= 1
# Tests run in so many processes; those that need Spark or a local stack have one in each.
WORKERS ?= 2

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1|/' | column -t -s '|'

# uv from PATH, else from its wheel in a small environment of its own.
.tools/uv/stamp:
	@mkdir -p .tools/uv
	@if ! command -v uv >/dev/null; then \
		echo "setup: uv, from its wheel"; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'; \
		$(PYTHON) -m venv .tools/uv && .tools/uv/bin/pip install --quiet --disable-pip-version-check uv; \
	fi
	@touch $@

.venv/stamp: requirements.lock pyproject.toml | .tools/uv/stamp
	@echo "setup: the Python environment"
	@[ -x $(BIN)/python ] || uv venv --quiet --python '>=3.11,<3.14' .venv
	@uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock
	@uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: setup
setup: .venv/stamp ## Get what the other commands need: environment, Java, jars, Databricks CLI
	@$(BIN)/python -m local_stack setup

.PHONY: demo
demo: setup ## The whole path on this machine, on TPC-H tables (SCALE=0.01 TRIGGER=lua, webhook or reconcile; CLONE_METHOD=shallow, storage or deep)
	@$(BIN)/python -m local_stack demo --scale $(SCALE) --trigger $(TRIGGER) --clone-method $(CLONE_METHOD)

.PHONY: demo-faults
demo-faults: setup ## The demo's second act: lose events, kill Spark, reset a branch; every row compared after each
	@$(BIN)/python -m local_stack demo-faults --scale $(SCALE) --clone-method $(CLONE_METHOD)

.PHONY: up
up: setup ## The local stack, until Ctrl-C: deploy to it, commit, query (TRIGGER, CLONE_METHOD as of demo)
	@$(BIN)/python -m local_stack up --trigger $(TRIGGER) --clone-method $(CLONE_METHOD)

# Setup mostly waits for others or compiles the CLI, and these tests need neither: it goes on behind them. The tests of
# the bundle wait for the CLI more than they compute, and go on beside those of Spark, which leave them the time.
.PHONY: test
test: .venv/stamp ## Every test that runs without a workspace
	@nice -n 10 $(MAKE) --no-print-directory setup & behind=$$!; \
	failed=0; $(MAKE) --no-print-directory lint unit machine contract || failed=1; \
	wait $$behind || failed=1; \
	exit $$failed
	@told=$$(mktemp); nice -n 10 $(MAKE) --no-print-directory bundle >"$$told" 2>&1 & beside=$$!; \
	trap 'kill $$beside 2>/dev/null || true; rm -f "$$told"' EXIT; \
	failed=0; $(MAKE) --no-print-directory spark || failed=1; \
	wait $$beside || failed=1; \
	cat "$$told"; exit $$failed
	@$(MAKE) --no-print-directory e2e

.PHONY: quick
quick: lint unit contract ## The loop while you work: what needs neither Spark nor the CLI, in under three minutes

.PHONY: lint
lint: .venv/stamp ## Format, lint, types, and the floors of the rooms
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

.PHONY: unit
unit: .venv/stamp ## Tests that need no Spark, CLI or workspace, and the Lua hook's
	@$(BIN)/pytest -q -m "unit or lua" -n $(WORKERS) tests/unit tests/lua

.PHONY: machine
machine: .venv/stamp ## Thousands of histories of commits, runs and faults, in memory (EXAMPLES=2000 SEED=1 WORKERS=2)
	@echo "machine: $(EXAMPLES) examples of 50 steps in $(WORKERS) parts, with seeds from $(SEED)"; \
	parts=(); draft=$$(mktemp -d); trap 'rm -rf "$$draft"' EXIT; \
	for part in $$(seq 0 $$(($(WORKERS) - 1))); do \
		EXPORT_MACHINE_EXAMPLES=$$(($(EXAMPLES) / $(WORKERS))) $(BIN)/pytest -q -rP --timeout 3600 \
			--hypothesis-seed=$$(($(SEED) + part)) tests/unit/export/test_machine.py >"$$draft/$$part" 2>&1 & parts+=($$!); \
	done; \
	failed=0; \
	for part in "$${!parts[@]}"; do \
		wait "$${parts[part]}" || failed=1; \
		echo "machine: seed $$(($(SEED) + part))"; cat "$$draft/$$part"; \
	done; \
	exit $$failed

# They wait more than they compute, so twice as many run at a time.
.PHONY: contract
contract: .venv/stamp ## Contracts of the local stack's parts, and of real servers where they are configured
	@$(BIN)/pytest -q -m local_stack -n $$((2 * $(WORKERS))) --dist loadfile tests/local_stack

.PHONY: spark
spark: setup ## Tests of the clone, the SQL files and the warehouse on real Spark (WORKERS=2)
	@$(BIN)/pytest -q -m "spark and not e2e" -n $(WORKERS) --dist worksteal tests/local_stack tests/spark

.PHONY: bundle
bundle: setup ## Tests of the bundle with the real Databricks CLI (WORKERS=2)
	@$(BIN)/pytest -q -m "bundle and not e2e" -n $(WORKERS) --dist loadgroup

.PHONY: e2e
e2e: setup ## The deployed job on the local stack, and the demo (WORKERS=2)
	@$(BIN)/pytest -q -m e2e -n $(WORKERS) --dist loadgroup

.PHONY: live
live: setup ## The same story on a real workspace, where one is configured
	@$(BIN)/pytest -q -m live

.PHONY: bench
bench: setup ## Benchmarks at small sizes, some minutes; figures, not tests
	@$(BIN)/python benchmarks/suite.py

.PHONY: bench-full
bench-full: setup ## Benchmarks at all sizes, for hours on an idle machine; goes on where it was stopped, and writes README's figures and charts anew
	@$(BIN)/python benchmarks/suite.py --full

.PHONY: bench-figures
bench-figures: .venv/stamp ## Write README's figures and charts anew from benchmarks/results
	@$(BIN)/python benchmarks/figures.py

.PHONY: goldens
goldens: setup ## Write the golden files of the job anew; read their difference before you commit it
	@$(BIN)/pytest -q tests/bundle -m bundle --refresh-goldens

.PHONY: lock
lock: | .tools/uv/stamp ## Write requirements.lock anew from pyproject.toml
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--all-extras --group dev pyproject.toml --output-file requirements.lock

.PHONY: format
format: .venv/stamp ## Format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

.PHONY: clean
clean: ## Remove what the commands made here; the cache in the home folder stays
	@rm -rf .venv .tools .local_stack .databricks dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
