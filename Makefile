# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
# One thread a process: the tests run two processes, and small matrices gain nothing from more.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test slow check lint types contracts format docs bench bench-render image lock clean

help:  ## Print this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-13s %s\n", $$1, $$2}'

setup: .venv/ready  ## Install everything into .venv, exactly as locked.

# pip is brought in by the system's own pip, because Debian's Python lacks the module that venv would use for it.
.venv/ready: requirements/cpu.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	test -x $(BIN)/pip || $(PYTHON) -m pip --python $(BIN)/python install --quiet pip
	$(BIN)/pip install --quiet --requirement requirements/cpu.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: setup  ## Show the whole road on real documents in under ten minutes, and write runs/demo/report.html.
	OMP_NUM_THREADS=$$(nproc) $(BIN)/deepsynth demo

serve: setup  ## Serve the web application on http://127.0.0.1:5000.
	$(BIN)/deepsynth web

test: setup  ## Run the tests (CPU, no network, a few minutes).
	$(BIN)/pytest -n 2 -m "not slow and not gpu and not hub"

slow: setup  ## Run the tests that take longer: kill and resume, stress, hostile input.
	$(BIN)/pytest -n 2 -m "slow and not gpu and not hub"

check: lint types contracts test slow  ## Run everything that a change must pass; the CI runs this.

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/basedpyright

contracts: setup
	$(BIN)/lint-imports

format: setup  ## Format the code and mend what the linter can mend.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: setup  ## Say where the documentation is.
	@ls docs/*.md docs/*/*.md

bench: bench-render  ## Run every benchmark that this machine can run.

bench-render: setup  ## Compare page rendering with Pillow, in one run.
	$(BIN)/python benchmarks/render.py

# The engine that is there, docker or buildah; IMAGE_FLAGS reaches it (for example --build-arg BASE=... behind a mirror).
image:  ## Build the container image of the web application (CPU).
	@if command -v docker >/dev/null && docker info >/dev/null 2>&1; then \
	  docker build $(IMAGE_FLAGS) --file deploy/Dockerfile.cpu --tag deepsynth:cpu .; \
	elif command -v buildah >/dev/null; then \
	  buildah build $(IMAGE_FLAGS) --format docker --file deploy/Dockerfile.cpu --tag deepsynth:cpu .; \
	else \
	  echo "error: make image needs docker with a running engine, or buildah" >&2; exit 2; \
	fi

lock:  ## Resolve the dependencies anew and write requirements/*.lock.
	$(PYTHON) requirements/lock.py

clean:  ## Remove what the other targets made.
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis
