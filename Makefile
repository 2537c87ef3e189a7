# Two commands do all the set-up: `make bench` and `make test`. Everything else is a part of them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
PEERS := $(VENV)-peers/.installed
ACTIONS := $(wildcard .github/actions/*/action.yml)

# what is judged by no real time may share the machine; pytest-benchmark and all that waits has it to itself
ARITHMETIC := $(addprefix tests/,simulate adopt advise calibrate cli compare docs github house judge page plan policies report scenario totals)

.PHONY: bench test lint types rules workflows docs tests compare-speed verdicts clean
.DEFAULT_GOAL := bench

bench: $(RUNTIME)
	$(BIN)/harness run --report-dir reports

test: lint types rules workflows docs tests

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

rules: $(DEV)
	$(BIN)/lint-imports --no-cache

workflows: $(DEV)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(if $(ACTIONS),$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS))
	$(BIN)/actionlint -shellcheck $(BIN)/shellcheck .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows $(ACTIONS)
	$(BIN)/shellcheck .ci/run .ci/browser $(wildcard .github/actions/*/*.sh)

# the site, into build/docs; what Sphinx warns of (a document that no page lists, a link to nowhere) is an error
docs: $(DEV)
	$(BIN)/python -m sphinx --quiet --fresh-env -W --keep-going --builder html docs build/docs

tests: $(DEV)
	.ci/browser
	$(BIN)/python -m pytest tests/performance --load-clock wall --quiet
	$(BIN)/python -m pytest $(ARITHMETIC) --load-clock virtual --numprocesses 2 --dist worksteal --durations 10
	$(BIN)/python -m pytest --load-clock virtual --durations 10 $(addprefix --ignore=,$(ARITHMETIC))

# side by side with the peers, ratios printed; the peers get an environment of their own
compare-speed: $(PEERS)
	$(VENV)-peers/bin/python -m benchmarks.speed

$(RUNTIME): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(DEV): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(RUNTIME)

# the table of docs/verdicts.md; DATA names a folder of recorded runs, without it their sections are left out
verdicts: $(PEERS)
	$(VENV)-peers/bin/python -m benchmarks.verdicts $(if $(DATA),--data $(DATA)) --out docs/verdicts.md

$(PEERS): pyproject.toml
	test -x $(VENV)-peers/bin/python || $(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,peers]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-peers .asv .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks dist build
