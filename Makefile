# make run     build what is missing and serve on http://127.0.0.1:8400; ARGS="--port 9000" passes options on
# make test    the whole suite, on SQLite and PostgreSQL
PYTHON ?= python3
ARGS ?=
# One worker per core; JOBS=0 runs all in one process (for a debugger).
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
# Plug-ins of pytest load numpy before we can say so ourselves; see diurnal/__init__.py.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help env dev run demo test test-full web check-web check check-lint check-format check-types check-imports format bench lock clean
.DEFAULT_GOAL := help

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 18

# Each lock holds the one before it, so a later stamp serves the earlier targets too.
.venv/.run-stamp: requirements.lock pyproject.toml scripts/env
	@scripts/env $(PYTHON) requirements.lock
	@touch $@

.venv/.dev-stamp: requirements-dev.lock pyproject.toml scripts/env
	@scripts/env $(PYTHON) requirements-dev.lock
	@touch $@ .venv/.run-stamp

.venv/.bench-stamp: requirements-bench.lock pyproject.toml scripts/env
	@scripts/env $(PYTHON) requirements-bench.lock
	@touch $@ .venv/.dev-stamp .venv/.run-stamp

env: .venv/.run-stamp ## build .venv with .venv/bin/diurnal

dev: .venv/.dev-stamp ## the same with the tools for tests and checks

run: env ## serve; ARGS="--port 9000" passes options on
	@$(BIN)/diurnal serve $(ARGS)

demo: env ## serve an account full of made-up data
	@$(BIN)/diurnal demo $(ARGS)

test: dev ## the suite, on both engines; ARGS="-k name" narrows it
	@scripts/test "$(BIN)/python" "$(JOBS)" "not slow" $(ARGS)

test-full: dev ## everything, the slow ones at full size too
	@scripts/test "$(BIN)/python" "$(JOBS)" "" $(ARGS)

check: check-lint check-format check-types check-imports ## lint, format, types, import contracts

check-lint: dev
	@printf '\n== ruff check ==\n'
	@$(BIN)/ruff check .

check-format: dev
	@printf '\n== ruff format ==\n'
	@$(BIN)/ruff format --check .

check-types: dev
	@printf '\n== mypy ==\n'
	@$(BIN)/mypy

check-imports: dev
	@printf '\n== import contracts ==\n'
	@$(BIN)/lint-imports --no-logo

# Node is needed only here: what it builds is committed.
web/node_modules/.stamp: web/package-lock.json
	@cd web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

web: web/node_modules/.stamp ## check and build the pages from web/ into diurnal/web/dist
	@cd web && npm run --silent build

check-web: ## the same, and that the committed pages are what their sources give
	@printf '\n== web ==\n'
	@if command -v npm >/dev/null; then \
	    $(MAKE) --no-print-directory web && scripts/same-web; \
	else echo 'no npm here: the built pages are not compared with their sources'; fi

format: dev ## put the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: .venv/.bench-stamp ## measure, as ratios in one interleaved run
	@$(BIN)/python -m bench $(ARGS)

# The tool that resolves lives in a throw-away folder: nobody else needs it.
lock: ## resolve the locks anew; ARGS="--upgrade" takes newer versions
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(PYTHON) -m venv --without-pip "$$tmp/venv"; \
	$(PYTHON) -m pip --python "$$tmp/venv/bin/python" install --quiet --disable-pip-version-check uv; \
	resolve() { out=$$1; shift; "$$tmp/venv/bin/uv" pip compile --quiet --no-config --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" $(ARGS) "$$@" pyproject.toml -o "$$out"; }; \
	resolve requirements.lock --extra build; \
	resolve requirements-dev.lock --extra build --extra dev -c requirements.lock; \
	resolve requirements-bench.lock --extra build --extra dev --extra bench -c requirements-dev.lock

clean: ## remove what make built
	rm -rf web/node_modules web/build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
