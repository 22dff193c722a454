# `make` lists what there is. Set-up happens by itself, and again when a lock or a pyproject changes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHON RESULTS

# Recipes name every path relative to here, so the checkout may lie where it likes. An environment
# that was made elsewhere (a moved or copied checkout) points there, so it is set up again.
ifneq "$(shell cat .venv/.place 2>/dev/null)" "$(shell pwd -P)"
$(shell rm -f .venv/.run .venv/.dev)
endif

LOCKED := pyproject.toml workflows/glaciers/pyproject.toml scripts/setup.sh

.venv/.run: requirements/run.txt $(LOCKED)
	@scripts/setup.sh run

.venv/.dev: requirements/dev.txt $(LOCKED)
	@scripts/setup.sh dev

.PHONY: help
help: ## list these
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: run
run: .venv/.run ## run the glacier workflow (RESULTS=folder, ARGS="options of snakemake")
	@scripts/run-glaciers.sh $(ARGS)

.PHONY: test
test: .venv/.dev ## run all tests (ARGS="options of pytest"); `make clusters` first runs more of them
	@scripts/test.sh $(ARGS)

.PHONY: lint
lint: .venv/.dev ## check style and types
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	cd workflows/glaciers && ../../.venv/bin/python -m mypy

.PHONY: clusters
clusters: ## bring up what tests of Slurm, containers, R and modules need (Debian 12, as root)
	tests/clusters/up.sh

# Options that make a benchmark short.
QUICK_hashing := --size 200 --files 2000
QUICK_slurm := --no-peer --ready 0 --pool 100

.PHONY: bench
bench: .venv/.dev ## run the benchmarks, quickly
	@$(foreach name,$(basename $(notdir $(wildcard benchmarks/*.py))),\
	echo "== benchmarks/$(name).py $(QUICK_$(name))"; \
	.venv/bin/python benchmarks/$(name).py $(QUICK_$(name)) || exit;)

.PHONY: lock
lock: ## resolve the dependencies anew (needs uv; ARGS="--upgrade" for newer versions)
	scripts/lock.sh $(ARGS)

.PHONY: build
build: .venv/.dev ## build wheel and source distribution into dist/
	.venv/bin/python -m build --no-isolation

.PHONY: clean
clean: ## remove the environment and all caches; runs/ stays
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache workflows/glaciers/.mypy_cache
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +
