# Two commands do all the set-up: `make bench` and `make test`. Everything else is a part of them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev

.PHONY: bench test lint types rules workflows tests compare-speed clean
.DEFAULT_GOAL := bench

bench: $(RUNTIME)
	$(BIN)/harness run --report-dir reports

test: lint types rules workflows tests

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

rules: $(DEV)
	$(BIN)/lint-imports --no-cache

workflows: $(DEV)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/actionlint -shellcheck $(BIN)/shellcheck .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows
	$(BIN)/shellcheck .ci/run

tests: $(DEV)
	$(BIN)/python -m pytest

# side by side with the peers, ratios printed; locust goes into an environment of its own, because it patches sockets
compare-speed: $(DEV)
	$(BIN)/python -m benchmarks.speed

$(RUNTIME): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(DEV): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(RUNTIME)

clean:
	rm -rf $(VENV) .asv .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks dist build
