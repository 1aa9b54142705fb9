# Everything starts here: `make help`. Needed beforehand: python3 (3.11 or newer) with pip or venv, and make.
.DEFAULT_GOAL := help
.PHONY: help setup clients demo test check format bench-rating bench-ingest lock db-start db-stop clean

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
VENV := .venv/bin/python
NODE_CLIENTS := tests/clients/js/node_modules/.installed
export UV_PYTHON_DOWNLOADS := never
# Byte code is kept, whatever the shell says: loading the project takes half the time with it.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/.installed ## Install the project's Python packages into .venv
	@:

clients: .venv-clients/.installed ## Install the client libraries that the tests call the API with
	@$(MAKE) --no-print-directory $(NODE_CLIENTS) || echo "The client libraries in JavaScript could not be installed; their tests are skipped."

demo: setup ## Start database, web server, worker and Stripe stand-in with a demo company; Ctrl-C stops
	@$(VENV) -m amberflow.devtools.demo

test: setup clients ## Run the checks and the whole test suite
	@$(VENV) -m amberflow.devtools.suite

check: setup ## Run the checks alone: lint, format, types, import contracts, migrations, settings
	@$(VENV) -m amberflow.devtools.checks

format: setup ## Format the code and fix what can be fixed by itself
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

bench-rating: setup ## Measure rating in a database of its own (minutes); writes bench/results/rating.json
	@$(VENV) -m bench.rating

bench-ingest: setup ## Measure ingestion in a database of its own (minutes); writes bench/results/ingest.json
	@$(VENV) -m bench.ingest

lock: $(UV) ## Choose the newest allowed versions anew and write the lock files
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --group dev pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		tests/clients/requirements.in -o tests/clients/requirements.lock

db-start: setup ## Start the embedded database by hand, for work outside demo and tests
	@$(VENV) -m amberflow.devdb start
	@$(VENV) -m amberflow.devdb createdb amberflow

db-stop: ## Stop the embedded database
	@if [ -x $(VENV) ]; then $(VENV) -m amberflow.devdb stop; else $(PYTHON) -m amberflow.devdb stop; fi

clean: ## Stop the database and remove everything that set-up, demo and tests made (.env stays)
	@if [ -x $(VENV) ]; then $(VENV) -m amberflow.devdb destroy; else $(PYTHON) -m amberflow.devdb destroy; fi
	rm -rf .venv .venv-clients tests/clients/js/node_modules .tools .amberflow static_root
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets above stand on -------------------------------------------------------------------------
.tools/bin/uv:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@echo "Installing uv, the package installer, into .tools …"
	@rm -rf .tools
	@$(PYTHON) -m pip install --quiet --target .tools uv 2>.tools.log \
		|| { rm -rf .tools; $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv; } >>.tools.log 2>&1 \
		|| { cat .tools.log >&2; rm -rf .tools .tools.log; \
		echo "uv could not be installed: $(PYTHON) needs pip or venv (Debian: apt install python3-pip), and" \
		"the package index must be reachable. Or install uv yourself, so that it is on PATH." >&2; exit 1; }
	@rm -f .tools.log
	@touch $@

.venv/.installed: requirements.lock | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed. Name one: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@echo "Installing the project's packages into .venv …"
	@.venv/bin/python -c '' 2>/dev/null || { rm -rf .venv && $(UV) venv --quiet --python $(PYTHON) .venv; }
	@$(UV) pip sync --python .venv/bin/python --require-hashes requirements.lock
	@touch $@

# Where npm is missing its clients' tests are skipped, with that as the reason.
$(NODE_CLIENTS): tests/clients/js/package-lock.json
	@if command -v npm >/dev/null 2>&1; then \
		echo "Installing the client libraries in JavaScript for the tests …"; \
		npm ci --prefix tests/clients/js --silent && touch $@; \
	fi

.venv-clients/.installed: tests/clients/requirements.lock | $(UV)
	@echo "Installing the client libraries for the tests into .venv-clients …"
	@.venv-clients/bin/python -c '' 2>/dev/null || { rm -rf .venv-clients && $(UV) venv --quiet --python $(PYTHON) .venv-clients; }
	@$(UV) pip sync --python .venv-clients/bin/python --require-hashes tests/clients/requirements.lock
	@touch $@
