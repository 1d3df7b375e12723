# `make` or `make help` explains itself; `make run` and `make test` set up all that they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# dozens of processes are started: each would compile all that it imports
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8080
BIN := .venv/bin
READY := .venv/.ready
TEST_PROCESSES ?= 4
TESTS ?= tests
LOCK_OPTIONS ?=
TEMPLATES := templates sandbox/mailbox/templates
CATALOGS := $(patsubst %.po,%.mo,$(wildcard translations/*/LC_MESSAGES/messages.po))

help: ## Explain the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml .ci/uv.lock .ci/setup
	@.ci/setup

setup: $(READY) $(CATALOGS) ## Make .venv with the locked packages (the other targets do it by themselves)

# a program reads translations compiled; the .po files are what people edit
%.mo: %.po $(READY)
	@$(BIN)/pybabel --quiet compile --input-file=$< --output-file=$@

run: setup ## Run the whole portal on this machine; PORT=9000 chooses another port than 8080
	@PORT=$(PORT) $(BIN)/python -m sandbox.run

test: setup chromium ## Run every check; TESTS=tests/billing takes a part
	@# each process of the tests would rewrite all asserts: it is done once, beside the checks
	$(BIN)/pytest --collect-only -qq $(TESTS) >/dev/null 2>&1 & asserts=$$!; \
	$(MAKE) check; \
	wait $$asserts || true
	$(BIN)/pytest -n $(TEST_PROCESSES) $(TESTS)

check: $(READY) ## Run the fast checks: format, lint, import contracts, types, templates
	@# the types take as long as all the others together
	$(BIN)/mypy & types=$$!; \
	$(BIN)/ruff format --check --quiet .; \
	$(BIN)/ruff check --quiet .; \
	$(BIN)/lint-imports --no-logo; \
	$(BIN)/djlint --lint --quiet $(TEMPLATES); \
	wait $$types

fmt: $(READY) ## Format the Python files and mend what the linter can mend
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

demo: $(READY) ## Print the addresses and sign-ins of the running portal as JSON
	@test -f var/run.json || { echo "The portal does not run here; start it with: make run" >&2; exit 1; }
	@set -a; . var/development.env; set +a; $(BIN)/python -m portal.cli demo --json

bench: $(READY) ## Measure the claims of benchmarks/ against their references
	$(BIN)/python -m benchmarks.ledger
	$(BIN)/python -m benchmarks.clients_list
	$(BIN)/python -m benchmarks.invoicing
	$(BIN)/python -m benchmarks.charging

chromium: ## Install Chromium for the browser journeys (as root on Debian; else say what to install)
	@.ci/chromium

messages: $(READY) ## Collect the texts for translators into translations/
	@.ci/messages translations/messages.pot
	@for catalog in translations/*/LC_MESSAGES/messages.po; do \
	  [ ! -e "$$catalog" ] || $(BIN)/pybabel --quiet update --no-fuzzy-matching --no-wrap \
	    -i translations/messages.pot -o "$$catalog" -l "$$(basename "$${catalog%/LC_MESSAGES/*}")"; \
	done

lock: $(READY) ## Resolve pyproject.toml into requirements.lock; LOCK_OPTIONS=--upgrade takes newer packages
	$(BIN)/uv pip compile pyproject.toml --group dev -q --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --universal --python-version 3.11 $(LOCK_OPTIONS) -o requirements.lock

clean: ## Delete what can be made again; the data under var/ stays
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup run test check fmt demo bench chromium messages lock clean
