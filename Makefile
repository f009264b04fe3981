# Everything a newcomer or a machine runs. `make` alone lists it.
# Needs Python 3.11 or newer and make; the rest is installed into .venv, at the versions of constraints.txt.

VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/demo
JOBS ?= 2
BENCH ?=
PYTHON ?=
PIP_QUIET := --quiet --quiet --disable-pip-version-check
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(VENV)/assay.stamp  ## Train on the bundled claims sample, print ledger and findings, write a report
	@$(BIN)/assay demo --out $(OUT) --overwrite

.PHONY: test
test: $(VENV)/dev.stamp  ## Run all tests and doctests (JOBS=2 at a time)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadscope

.PHONY: lint
lint: $(VENV)/dev.stamp  ## Check style, format and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

.PHONY: types
types: $(VENV)/dev.stamp  ## Check types, strictly
	@$(BIN)/mypy

.PHONY: docs
docs: $(VENV)/dev.stamp  ## Write the generated pages of docs/ anew
	@$(BIN)/python scripts/docs.py --write

.PHONY: size
size: $(VENV)/dev.stamp  ## Print how long files and functions are; fail over the budget
	@$(BIN)/python scripts/size.py

.PHONY: bench
bench: $(VENV)/dev.stamp  ## Run the benchmarks, or one: make bench BENCH=imports
	@$(BIN)/python -m benchmarks $(BENCH)

.PHONY: clean
clean:  ## Remove the virtual environment and every cache; runs/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist

# --- the virtual environment ------------------------------------------------------------------------------------

# The first interpreter that is new enough and can make virtual environments.
define FIND_PYTHON
for candidate in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python3.14 python; do \
  [ -n "$$candidate" ] || continue; \
  if "$$candidate" -c 'import sys; assert sys.version_info >= (3, 11); import ensurepip, venv' >/dev/null 2>&1; then echo "$$candidate"; exit 0; fi; \
done
endef

$(BIN)/python:
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
	  echo "make: needs Python 3.11 or newer with its venv module, found $$(python3 --version 2>&1 || echo no python3);" \
	    "install one (on Debian and Ubuntu: python3 and python3-venv), or name one: make PYTHON=/path/to/python3.12" >&2; \
	  exit 2; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv $(VENV)

$(VENV)/assay.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Assay (the first time takes some minutes) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --upgrade 'pip>=24'
	@$(BIN)/python -m pip install $(PIP_QUIET) -c constraints.txt -e '.[torch]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Assay with what its tests need (the first time takes some minutes) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --upgrade 'pip>=24'
	@$(BIN)/python -m pip install $(PIP_QUIET) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/assay.stamp
