SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.setup
LOWEST := .venv-lowest
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

.PHONY: setup setup-all demo test test-slow fuzz test-all test-lowest check docs clean help

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(SETUP)  ## create .venv and install coterie with what tests and documentation need

$(SETUP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) '.[images,hub,lightning,onnx,docs,dev]'
	touch $@

setup-all: $(SETUP)  ## setup, and every extra; so far the tests need them all
	$(INSTALL) '.[all,docs,dev]'

demo: setup  ## group and compare the tasks of scikit-learn's digits; writes runs/demo/report.html
	$(BIN)/coterie run --data digits --groups 3 --model mlp --anyway --seeds 3 --out runs/demo

# Two processes of one thread each take half as long as one of two threads.
test: setup  ## fast tests and the examples in docstrings
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --numprocesses 2 --dist loadfile

test-slow: setup  ## what takes longer: kills, fuzz, exports; of what is rotated, the share of this commit
	$(BIN)/python -m pytest -m slow --durations=20 tests

fuzz: setup  ## 2,000 random inputs that nobody has tried; the seed is printed
	seed=$$RANDOM; echo "COTERIE_FUZZ_SEED=$$seed"; \
	COTERIE_FUZZ_SEED=$$seed COTERIE_FUZZ_INPUTS=2000 $(BIN)/python -m pytest -m slow tests/fuzz

test-all: setup  ## every test there is, whole
	COTERIE_WHOLE=1 $(BIN)/python -m pytest -m "slow or not slow"

# Warnings are not errors: old versions know newer ones of what they need as little as these know them.
test-lowest:  ## the fast tests with the lowest versions that pyproject.toml accepts, in $(LOWEST)
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python .ci/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt --editable '.[all,dev]'
	$(LOWEST)/bin/python -m pytest -W default

check: setup docs  ## lint, format, types, documentation and that its figures are those of the results
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/python benchmarks/page.py --check

docs: setup  ## HTML documentation in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

clean:  ## remove what was built, not the runs
	rm -rf .venv $(LOWEST) dist build docs/_build .pytest_cache .ruff_cache .hypothesis
