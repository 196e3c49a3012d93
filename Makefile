# Two commands: `make demo` runs the main job, `make test` the tests. Both set up what they need first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
ARGS ?=

# Ape keeps everything inside this folder, and starts seconds faster when Python may cache bytecode.
export APE_DATA_FOLDER := $(CURDIR)/.ape
export PYTHONDONTWRITEBYTECODE :=
unexport PYTHONPATH
# An environment that happens to be active is not ours to change.
unexport VIRTUAL_ENV
unexport CONDA_PREFIX

BIN := .venv/bin
STAMPS := .venv/.stamps

.PHONY: help setup demo test browser quick fork fuzz gas load bench bench-peers faults rounds mutants determinism conformance-scores conformance-clients static types lint format abi lock clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(STAMPS)/python $(STAMPS)/chain $(STAMPS)/portal $(STAMPS)/web ## Install everything, pinned by the lock files.

demo: setup ## Play one whole round on a local chain (ARGS="--data synthetic").
	@./assay demo $(ARGS)

test: setup ## Run all tests.
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not browser" $(ARGS)

# In one process: pages are measured, and Chromium takes a core.
browser: setup ## Test the web app in Chromium, and its scripts (ARGS="-k leaderboard").
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  echo "error: not run: install chromium (apt-get install chromium)" >&2; exit 6; }
	@cd web && npm test --silent && npm run --silent check
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

quick: setup ## Run the fast tests, in under a minute.
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not chain and not browser" $(ARGS)

fork: setup ## Test the bridge on forks of two chains that run here (ARGS="--bridge FILE": real ones).
	@PYTHONPATH=.:tests/support $(BIN)/python tests/fork/run.py $(ARGS)

# Every test that draws examples, with the deep profile: 10,000 each, 200 runs of 500 steps a machine.
fuzz: setup ## Run the property tests and state machines in full: hours.
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n 2 --dist loadgroup -m hypothesis $(ARGS)

gas: setup ## Print what calls cost beside their goals and peers; fails above a goal.
	@$(BIN)/python benchmarks/gas.py $(ARGS)

bench: setup ## Time the scores (ARGS="--models 200").
	@$(BIN)/python benchmarks/scoring.py $(ARGS)

bench-peers: setup $(STAMPS)/conformance ## Time the scores beside numerai-tools (ARGS="--small").
	@$(BIN)/python benchmarks/peers_scoring.py $(ARGS)

load: setup ## Let 1,000 models submit in a round's last minute, and 200 people read (ARGS="--models 100").
	@PYTHONPATH=.:tests/support $(BIN)/python -W ignore tests/load/run.py $(ARGS)

faults: setup ## Let everything go wrong for operators, on real processes, and print what came of it.
	@PYTHONPATH=.:tests/support $(BIN)/python -W ignore tests/faults/run.py $(ARGS)

rounds: setup ## Play many rounds in one process with random faults (ARGS="--rounds 100").
	@PYTHONPATH=.:tests/support $(BIN)/python -W ignore tests/faults/rounds.py $(ARGS)

mutants: setup ## Break each check of the contracts in turn and see a test fail for it.
	@$(BIN)/python tests/mutation/run.py $(ARGS)

determinism: setup $(STAMPS)/scoring ## Compute all paid scores under many settings, compare their bytes (ARGS="--small").
	@$(BIN)/python tests/conformance/determinism.py --python .venv-scoring/bin/python $(ARGS)

conformance-scores: setup $(STAMPS)/conformance ## Compare the scores with numerai-tools, in an environment of its own.
	@PYTHONPATH=. NUMBA_CACHE_DIR=.venv-conformance/numba OPENBLAS_NUM_THREADS=1 \
	  .venv-conformance/bin/python tests/conformance/run.py $(ARGS)

conformance-clients: setup $(STAMPS)/clients ## Run every method of numerapi against a server (ARGS="--queries": only check what it sends).
	@PYTHONPATH=.:tests/support $(BIN)/python tests/clients/run.py --python .venv-clients/bin/python --results tests/clients/results.md $(ARGS)

lint: setup ## Check style, import order, types and contracts.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory types static

types: setup ## Check the types of the pure rooms.
	@$(BIN)/mypy

# Rules that are off, and the frame size, are explained in docs/threat-model.md.
static: setup ## Analyse the contracts statically.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/natrix lint contracts/ethereum contracts/polygon \
	  -d NTX2 NTX4 NTX11 -c MemoryExpansion.max_frame_size=160000
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/natrix lint contracts/devnet \
	  -d NTX2 NTX4 NTX5 NTX10 NTX11 -c MemoryExpansion.max_frame_size=160000

format: setup ## Rewrite files to the project's style.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

abi: setup ## Rewrite the contract interfaces that travel with the package.
	@$(BIN)/python scripts/abi.py

lock: .tools/.uv ## Resolve the lock files anew.
	.tools/bin/uv pip compile pyproject.toml --all-extras --group dev --generate-hashes --universal \
	  --no-emit-index-url --python-version 3.11 --upgrade --quiet -o requirements.lock
	.tools/bin/uv pip compile pyproject.toml requirements-operator.in --extra postgres --extra aws \
	  --constraint requirements.lock --generate-hashes --universal --no-emit-index-url \
	  --python-version 3.11 --upgrade --quiet -o requirements-operator.lock
	.tools/bin/uv pip compile requirements-market.in --no-deps --generate-hashes \
	  --no-emit-index-url --python-version 3.11 --quiet -o requirements-market.lock
	.tools/bin/uv pip compile requirements-scoring.in --generate-hashes --universal \
	  --no-emit-index-url --python-version 3.11 --upgrade --quiet -o requirements-scoring.lock
	.tools/bin/uv pip compile requirements-conformance.in --generate-hashes --universal \
	  --no-emit-index-url --python-version 3.11 --upgrade --quiet -o requirements-conformance.lock
	.tools/bin/uv pip compile requirements-clients.in --generate-hashes --universal \
	  --no-emit-index-url --python-version 3.11 --upgrade --quiet -o requirements-clients.lock
	.tools/bin/uv pip compile tests/clients/cli.in --no-deps --generate-hashes \
	  --no-emit-index-url --python-version 3.11 --quiet -o tests/clients/cli.lock
	.tools/bin/uv pip compile tests/conformance/older.in --no-deps --generate-hashes \
	  --no-emit-index-url --python-version 3.11 --quiet -o tests/conformance/older.lock
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund
	node -e "const fs = require('fs'), file = 'package-lock.json', lock = JSON.parse(fs.readFileSync(file)); \
	  Object.values(lock.packages).forEach(entry => delete entry.funding); \
	  fs.writeFileSync(file, JSON.stringify(lock, null, 2) + '\n')"
	cd web && npm install --package-lock-only --ignore-scripts --no-audit --no-fund

clean: ## Remove everything that set-up and runs have made.
	rm -rf .venv .venv-* .tools .ape .build .assay .cache .screenshots node_modules build *.egg-info
	rm -rf web/node_modules web/dist

.tools/.uv:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "error: $(PYTHON) is missing; install Python 3.11 or pass PYTHON=..." >&2; exit 6; }
	@echo "Installing the package installer ..."
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@touch $@

$(STAMPS)/python: requirements.lock requirements-market.lock pyproject.toml | .tools/.uv
	@echo "Installing Python packages ..."
	@test -x $(BIN)/python || .tools/bin/uv venv --quiet --clear --python $$(command -v $(PYTHON)) .venv
	@.tools/bin/uv pip sync --quiet --require-hashes requirements.lock
	@.tools/bin/uv pip install --quiet --no-deps --require-hashes -r requirements-market.lock
	@.tools/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p $(STAMPS) && touch $@

# NumPy of another major version, with only what the scoring room imports.
$(STAMPS)/scoring: requirements-scoring.lock | $(STAMPS)/python
	@.tools/bin/uv venv --quiet --clear --python $$(command -v $(PYTHON)) .venv-scoring
	@VIRTUAL_ENV=.venv-scoring .tools/bin/uv pip sync --quiet --require-hashes requirements-scoring.lock
	@touch $@

# numerai-tools: its newest release, an older one that ships its tests, and those tests' archive.
$(STAMPS)/conformance: requirements-conformance.lock tests/conformance/older.lock | $(STAMPS)/python
	@echo "Installing numerai-tools ..."
	@.tools/bin/uv venv --quiet --clear --python $$(command -v $(PYTHON)) .venv-conformance
	@.tools/bin/uv pip sync --quiet --require-hashes --python .venv-conformance/bin/python \
	  requirements-conformance.lock
	@.tools/bin/uv pip install --quiet --no-deps --require-hashes \
	  --python .venv-conformance/bin/python --target .venv-conformance/older -r tests/conformance/older.lock
	@.venv-conformance/bin/python -m pip download --quiet --no-deps --no-build-isolation --require-hashes \
	  --disable-pip-version-check --no-binary numerai-tools -d .venv-conformance/source -r tests/conformance/older.lock
	@tar -xzf .venv-conformance/source/numerai_tools-*.tar.gz -C .venv-conformance/source --strip-components 1
	@touch $@

# The tournament's clients as their users have them, and the sources of one that is only read.
$(STAMPS)/clients: requirements-clients.lock tests/clients/cli.lock | $(STAMPS)/python
	@echo "Installing numerapi ..."
	@.tools/bin/uv venv --quiet --clear --python $$(command -v $(PYTHON)) .venv-clients
	@.tools/bin/uv pip sync --quiet --require-hashes --python .venv-clients/bin/python requirements-clients.lock
	@.tools/bin/uv pip install --quiet --no-deps --require-hashes \
	  --python .venv-clients/bin/python --target .venv-clients/cli -r tests/clients/cli.lock
	@touch $@

$(STAMPS)/chain: package-lock.json | $(STAMPS)/python
	@command -v npm >/dev/null || { \
	  echo "error: npm is missing; install Node 20 or newer" >&2; exit 6; }
	@echo "Installing the local chain ..."
	@npm ci --ignore-scripts --loglevel=error --no-audit --no-fund
	@mkdir -p $(STAMPS) && touch $@

# What the web app is built from, its documents too; packages only where the lock has changed.
WEB := $(wildcard web/*.ts web/*.js web/index.html) $(shell find web/src web/public web/plugins -type f 2>/dev/null) $(wildcard docs/*.md)

$(STAMPS)/web-packages: web/package.json web/package-lock.json | $(STAMPS)/chain
	@echo "Installing the web app's packages ..."
	@cd web && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund
	@touch $@

$(STAMPS)/web: $(STAMPS)/web-packages $(WEB)
	@echo "Building the web app ..."
	@cd web && npm run --silent build -- --logLevel warn
	@touch $@

# Kept under a name that changes with the lock and the sources, so that it is done once for each.
$(STAMPS)/portal: package-lock.json scripts/portal.py $(wildcard contracts/devnet/*.vy) | $(STAMPS)/chain
	@echo "Compiling the contracts of Polygon's bridge ..."
	@$(BIN)/python scripts/portal.py
	@mkdir -p $(STAMPS) && touch $@
