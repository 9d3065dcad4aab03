PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.setup

.PHONY: setup demo test test-slow test-all check docs clean help

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(SETUP)  ## create .venv and install coterie with all extras

$(SETUP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[images,hub,lightning,onnx,docs,dev]'
	touch $@

demo: setup  ## group and compare the tasks of scikit-learn's digits; writes runs/demo/report.html
	$(BIN)/coterie run --data digits --groups 3 --out runs/demo

test: setup  ## fast tests and the examples in docstrings
	$(BIN)/python -m pytest

test-slow: setup  ## what takes longer: kills, fuzz, exports, real data where it lies beside the checkout
	$(BIN)/python -m pytest -m slow tests

test-all: setup  ## the slow tests too
	$(BIN)/python -m pytest -m "slow or not slow"

check: setup docs  ## lint, format, types, documentation and that its figures are those of the results
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/python benchmarks/page.py --check

docs: setup  ## HTML documentation in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

clean:  ## remove what was built, not the runs
	rm -rf .venv dist build docs/_build .pytest_cache .ruff_cache .hypothesis
