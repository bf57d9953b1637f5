# What a person and the CI run. Every target does its own set-up; Python 3.11 and pip are all it asks for.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench system requirements clean

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 22

setup: .venv/.complete ## Make .venv with everything in it.

.venv/.complete: requirements-dev.txt pyproject.toml scripts/make-venv
	@scripts/make-venv "$(PYTHON)"

demo: setup ## Run a whole simulated trading day; options in ARGS, as in make demo ARGS="--keep".
	@$(BIN)/muhurat demo $(ARGS) || { echo "make demo: the day was not sound, or did not start; the lines above say why."; exit 1; }

test: setup system check ## Run the checks and every test.
	@$(BIN)/pytest -n 4 $(ARGS) || { echo "make test: a test failed; run it alone with .venv/bin/pytest FILE::NAME."; exit 1; }

check: setup ## Run the linter, the format check and the type checker.
	@$(BIN)/ruff check . || { echo "make check: the linter objects; .venv/bin/ruff check --fix mends what it can."; exit 1; }
	@$(BIN)/ruff format --check --quiet . || { echo "make check: files want formatting; run make format."; exit 1; }
	@$(BIN)/mypy || { echo "make check: the types do not fit; the lines above say where."; exit 1; }

format: setup ## Format the code and sort its imports.
	@$(BIN)/ruff check --quiet --select I --fix . && $(BIN)/ruff format .

bench: setup ## Run the benchmarks, each against its baseline.
	@$(BIN)/python -m benchmarks $(ARGS) || { echo "make bench: a figure misses its bar; see the table above."; exit 1; }

system: ## Install the system packages the tests use, where that is possible.
	@tests/servers/install.sh

requirements: setup ## Pin the dependencies of pyproject.toml again.
	@scripts/pin-requirements || { echo "make requirements: the pins were not renewed; the lines above say why."; exit 1; }

clean: ## Remove .venv and the caches.
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist src/*.egg-info
