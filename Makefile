# Targets for a machine with Python 3.11 or newer, its venv module, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := cost devices dialects passes pim_opt sim tune

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format typecheck unit lit wheel-test nightly bench clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo.stamp ## install, then compile and run a GEMV from torch-mlir
	$(BIN)/pimc run examples/gemv_f16.mlir --device attacc

test: lint typecheck unit lit wheel-test ## everything that CI checks

check: test ## the same as test

lint: $(VENV)/test.stamp ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/test.stamp ## bring the code to the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(VENV)/test.stamp .imports/pim_opt ## types, strictly
	$(BIN)/pyright

unit: $(VENV)/test.stamp ## pytest
	$(BIN)/pytest -q -n logical --dist worksteal

lit: $(VENV)/test.stamp ## FileCheck tests
	$(BIN)/lit -q test/lit

wheel-test: $(VENV)/test.stamp ## build the wheel, install it alone, run it from another folder
	bash test/wheel.sh $(CURDIR)/$(BIN)/python

nightly: $(VENV)/test.stamp ## the property tests, with many more examples
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -q -n logical --dist worksteal test/unit

bench: $(VENV)/test.stamp ## measure speed against plain baselines; adds a line to bench/history.jsonl
	$(BIN)/python bench/run.py

clean: ## remove what was made
	rm -rf $(VENV) .imports build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing: install python3-venv"; exit 1; }

$(VENV)/demo.stamp: pyproject.toml $(VENV)/bin/python
	$(BIN)/pip install -q -e '.[mlir]'
	touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/bin/python
	$(BIN)/pip install -q -e '.[mlir,dev]'
	touch $@ $(VENV)/demo.stamp

# The installed tree as links, for tools that run no import hooks.
.imports/pim_opt: $(wildcard pim_opt/*.py)
	rm -rf $@ && mkdir -p $@
	ln -s $(addprefix ../../,$(filter-out pim_opt,$(PACKAGES)) $(wildcard pim_opt/*.py) pim_opt/commands pim_opt/evaluation pim_opt/py.typed) $@
