# `make` lists what there is. Set-up happens by itself, and again when a lock or a pyproject changes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= .venv
export VENV PYTHON RESULTS

# Recipes name every path relative to here, so the checkout may lie where it likes. An environment
# that was made elsewhere (a moved or copied checkout) points there, so it is set up again.
ifneq ($(shell cat "$(VENV)/.place" 2>/dev/null),$(shell pwd -P))
$(shell rm -f "$(VENV)/.run" "$(VENV)/.dev")
endif

LOCKED := pyproject.toml workflows/glaciers/pyproject.toml scripts/setup.sh
CHECKED := snakemake_renku tests benchmarks workflows

$(VENV)/.run: requirements/run.txt $(LOCKED)
	@scripts/setup.sh run

$(VENV)/.dev: requirements/dev.txt $(LOCKED)
	@scripts/setup.sh dev

.PHONY: help
help: ## list these
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: run
run: $(VENV)/.run ## run the glacier workflow (RESULTS=folder, ARGS="options of snakemake")
	@scripts/run-glaciers.sh $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## run all tests (ARGS="options of pytest"); `make clusters` first runs more of them
	@scripts/test.sh $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## check style and types
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/python -m mypy
	cd workflows/glaciers && "$(abspath_venv)/bin/python" -m mypy

.PHONY: clusters
clusters: ## bring up what tests of containers, R and modules need (Debian 12, as root)
	tests/clusters/up.sh

.PHONY: bench
bench: $(VENV)/.dev ## run the benchmarks
	@for file in benchmarks/*.py; do echo "== $$file"; $(VENV)/bin/python "$$file" || exit; done

.PHONY: lock
lock: ## resolve the dependencies anew (needs uv; ARGS="--upgrade" for newer versions)
	scripts/lock.sh $(ARGS)

.PHONY: build
build: $(VENV)/.dev ## build wheel and source distribution into dist/
	$(VENV)/bin/python -m build --no-isolation

.PHONY: clean
clean: ## remove the environment and all caches; runs/ stays
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache workflows/glaciers/.mypy_cache
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +
