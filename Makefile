# The whole set-up is here: every target prepares .venv by itself, and nobody activates anything.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The programs of a trading host, in a venv of their own as they are on another machine in life.
HOST := $(VENV)/host

# The environment that `make demo` shows.
ENV ?= dev
# The benchmark's options, as in `make bench BENCH='--models 1 10 --no-terraform'`.
BENCH ?=
# As many tests at a time as there are cores.
PYTEST := --numprocesses auto --dist loadgroup
SCRIPTS := .ci/run files/run.sh tests/sanity/*.sh tests/local_aws/hosts/bin/*
# Tools that call others by name find them here.
export PATH := $(CURDIR)/$(BIN):$(PATH)

$(READY): requirements.txt requirements-dev.txt tests/workload/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed, and $(PYTHON) is older: name another, as in 'make PYTHON=python3.12'." >&2; exit 1; }
	@echo "Installing the packages into $(VENV) (a few minutes the first time) ..."
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --clear --python $(PYTHON) $(VENV) && uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt; \
	  uv venv --quiet --python $(PYTHON) $(HOST) && uv pip install --quiet --python $(HOST)/bin/python -r tests/workload/requirements.txt; \
	else \
	  $(PYTHON) -m venv --clear $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt; \
	  $(PYTHON) -m venv $(HOST) && $(HOST)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/workload/requirements.txt; \
	fi
	@touch $@

.PHONY: venv
venv: $(READY)  ## set up .venv and nothing else

.PHONY: demo
demo: $(READY)  ## provision on a local AWS and live a trading day, as in 'make demo ENV=qa'
	@$(BIN)/python -m tests.demo --env $(ENV)

.PHONY: bench
bench: $(READY)  ## measure site.yml, beside Terraform where that is found, into benchmarks/results.md; an hour, on an idle machine
	@$(BIN)/python -m benchmarks $(BENCH)

.PHONY: local-aws
local-aws: $(READY)  ## run just the local AWS, with the lines to export
	@$(BIN)/python -m tests.local_aws serve

.PHONY: test
test: lint sanity molecule pytest  ## everything that CI runs

.PHONY: lint
lint: $(READY)  ## ruff, mypy, yamllint, ansible-lint, shellcheck and the changelog's form
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --package ansible_collections.algotrading.aws.plugins
	$(BIN)/mypy tests benchmarks
	$(BIN)/mypy files/lambda/common
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline --strict --profile production
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/antsibull-changelog lint

.PHONY: sanity
sanity: $(READY)  ## build the collection as users get it; ansible-test sanity and antsibull-docs on that
	@tests/sanity/run.sh

.PHONY: build
build: $(READY)  ## build the collection's archive here, and check what it holds
	@tests/sanity/artifact.sh .

.PHONY: molecule
molecule: $(READY)  ## run the molecule scenario on a local AWS
	@$(BIN)/python -m tests.local_aws run --seed dev -- $(BIN)/molecule test

.PHONY: unit
unit: $(READY)  ## run the unit tests
	@$(BIN)/python -m pytest $(PYTEST) tests/unit tests/repository

.PHONY: day
day: $(READY)  ## run trading days on a local AWS, good and bad ones; only one of them is a part of 'make test'
	@$(BIN)/python -m pytest $(PYTEST) tests/day

.PHONY: chaos
chaos: $(READY)  ## kill runs at a hundred points under faults, and write benchmarks/chaos.md
	@$(BIN)/python -m tests.chaos

.PHONY: selftest
selftest: $(READY)  ## run the tests of the local AWS, and of run.sh
	@$(BIN)/python -m pytest $(PYTEST) tests/selftest tests/hosts

.PHONY: integration
integration: $(READY)  ## run the playbook on a local AWS
	@$(BIN)/python -m pytest $(PYTEST) tests/integration

# Last in `make test`, so that the run ends with pytest's own summary.
.PHONY: pytest
pytest: $(READY)
	@$(BIN)/python -m pytest $(PYTEST)

.PHONY: help
help:  ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
