# Two commands: `make run` starts the app, `make test` runs every test. Both set up what they need.
# The first Python that runs and is new enough: a shim on the path may stand for a version that is not there.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
PORT ?= 7860
BIN := $(VENV)/bin
SCRIPTS := '{sec2sec,tests}/**/*.{js,ts,css}'
# A file's tests stay together: they share an app, a browser, a checkpoint.
PARALLEL ?= -n auto --maxprocesses 4 --dist loadfile
.DEFAULT_GOAL := help

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp is newer than the requirements it was made from: the second time, nothing is asked of any registry.
$(VENV)/.run: requirements.txt constraints.txt
	@test -n "$(PYTHON)" || { echo "sec2sec needs Python 3.11 or newer, and found none. Set PYTHON=/path/to/it"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the app (PyTorch is large: some minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	@echo "Installing the test tools ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.run  ## the virtual environment and its pinned dependencies

.PHONY: run
run: $(VENV)/.run  ## start the app on http://127.0.0.1:7860 (PORT=…)
	$(BIN)/python app.py --port $(PORT)

.PHONY: browser
browser: $(VENV)/.test
	@$(BIN)/python -m tests.browser.install

.PHONY: test
test: test-fast browser  ## every test, the browser's included
	$(BIN)/python -m pytest -m "browser and not slow"

.PHONY: test-fast
test-fast: $(VENV)/.test  ## the tests that need no browser
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not cuda and not browser"

.PHONY: test-slow
test-slow: $(VENV)/.test browser  ## proofs that take minutes
	$(BIN)/python -m pytest -m slow

.PHONY: test-cuda
test-cuda: $(VENV)/.test  ## what needs a GPU
	$(BIN)/python -m pytest -m cuda

.PHONY: test-oldest
test-oldest: ## the fast tests on the oldest torch that a ZeroGPU Space offers (2.11)
	test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	grep -vE '^(torch|torchvision)==' constraints.txt > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt \
		-c .venv-oldest/constraints.txt 'torch==2.11.*' 'torchvision==0.26.*' 'torchaudio==2.11.*'
	.venv-oldest/bin/python -m pytest -m "not slow and not cuda and not browser"

.PHONY: docs
docs: $(VENV)/.test  ## the documentation, into build/site; a broken link is an error
	$(BIN)/zensical build --strict --clean

# node and npm are Python packages of the virtual environment, so no machine needs its own.
node_modules/.package-lock.json: package.json package-lock.json $(VENV)/.test
	@echo "Installing the tools that check scripts and styles ..."
	PATH="$(abspath $(BIN)):$$PATH" npm ci --loglevel error --no-audit --no-fund
	@touch $@

.PHONY: check
check: $(VENV)/.test node_modules/.package-lock.json  ## format, lint, types; of Python, JavaScript and CSS
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/node node_modules/prettier/bin/prettier.cjs --check --log-level warn $(SCRIPTS)
	$(BIN)/node node_modules/typescript/bin/tsc

.PHONY: format
format: $(VENV)/.test node_modules/.package-lock.json  ## rewrite the files as `make check` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/node node_modules/prettier/bin/prettier.cjs --write --log-level warn $(SCRIPTS)

.PHONY: wheel
wheel: $(VENV)/.test  ## the package, as pip installs it, in build/dist
	$(BIN)/python -m hatchling build -t wheel -d build/dist

.PHONY: bench load
bench: $(VENV)/.test browser  ## speed and quality beside their limits; writes build/bench.json
	$(BIN)/python -m bench $(filter load,$(MAKECMDGOALS))

load: bench  # `make bench load`: 30 and 100 visitors alone
	@true

.PHONY: gpu
gpu: $(VENV)/.test  ## what only a GPU can tell (docs/gpu.md), eight minutes; writes build/gpu.json
	$(BIN)/python -m bench gpu

.PHONY: demo-checkpoint
demo-checkpoint: $(VENV)/.run  ## make the bundled checkpoints again, from generated clips (an hour and a half on two cores)
	$(BIN)/python -m recipes.demo_checkpoint --work build/demo --out checkpoints

.PHONY: clean
clean:  ## remove what can be made again
	rm -rf build .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
