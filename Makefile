# `make run` and `make test` do all their own set-up: a fresh machine needs Python 3.11+ and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test lint clean

run: $(VENV)/.base
	$(BIN)/simulator serve

# Tests without a model or a page run two at a time; models and browsers take both cores themselves.
test: $(VENV)/.test
	$(BIN)/python -m tests.browser
	$(BIN)/python -m tests.postgres
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not model and not browser"
	$(BIN)/python -m pytest -m "model or browser"
	$(BIN)/python -m pytest -n 2 --nbmake notebooks

lint: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) artifacts
