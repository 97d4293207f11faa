# `make run` shows the simulator at work, `make test` passes the tests; both set up what they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --numprocesses=2 --dist=worksteal
# The lists are complete, so that there is nothing to resolve; bytecode is compiled when it is first used.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
# Debian packages that help and are not needed for the main job.
SYSTEM_PACKAGES := python3-venv qemu-system-arm device-tree-compiler graphviz chromium
# Where the kernels of live boots lie, and which are fetched: SUITE[=VERSION][-16k], as tools/fetch-kernels explains.
KERNELS := kernels
SUITES ?= bookworm trixie trixie-backports
BENCHMARKS := boot_speed scaling start_up feature_cost batch_speed mixture_speed sweep_speed proof_speed explore_speed
# What is booted; SME has its cases in linux-7.3.json, for kernels from 6.16 and QEMU from 10.0 on.
CASES ?= tests/truth/directed/linux-6.12.json

.PHONY: run test test-all mutants check docs bench conform schema catalogue log-lines machines notebooks picture format system-deps clean

run: $(VENV)/base
	$(BIN)/asymboot run topologies/bug.toml || test $$? -eq 1 # 1: it found hazards, as it should

# What is run a hundred times a day: without the slow tests, with few drawn examples, without coverage.
test: $(VENV)/ready
	@$(MAKE) --no-print-directory --jobs=2 check docs
	$(PYTEST) -m "not slow and not live"

# All of it, which continuous integration runs after `make test`.
# In the processes of pytest-xdist pytest-cov goes on measuring tests marked no_cover, so these run by themselves.
test-all: $(VENV)/ready
	$(PYTEST) -m "not live and not no_cover" --hypothesis-profile=long --cov
	$(PYTEST) -m "not live and no_cover" --hypothesis-profile=long

# Whether the tests notice small changes of the model (docs/mutants.md).
mutants: $(VENV)/ready
	$(BIN)/python -m tools.mutants

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Into build/docs, from nothing, so that each page is read and no warning is missed.
docs: $(VENV)/ready
	rm -rf build/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --fresh-env \
		--builder html --doctree-dir build/doctrees --conf-dir docs . build/docs

# All of them, also where one does not keep its limit.
bench: $(VENV)/ready
	@for one in $(BENCHMARKS); do \
		echo "$$one"; $(BIN)/python -m benchmarks.$$one || failed=1; \
	done; test -z "$$failed"

# Boots the directed cases under real kernels, beside the simulator. The packages come first: Python's venv is one.
conform: system-deps
	@$(MAKE) --no-print-directory $(VENV)/ready
	@for suite in $(SUITES); do \
		$(BIN)/asymboot conform $(CASES) --kernel $(KERNELS)/$$suite || failed=1; \
	done; test -z "$$failed"
	$(BIN)/python -m pytest -m live

# What editors check scenario files against; to be run when their tables change.
schema: $(VENV)/ready
	$(BIN)/asymboot schema > topologies/scenario.schema.json

# What `asymboot list` says of scenarios and spaces; to be run when those that ship change.
catalogue: $(VENV)/ready
	$(BIN)/python -m tools.catalogue > topologies/catalogue.json

# The page on log lines; to be run when the entries of sim/explain/ change.
log-lines: $(VENV)/ready
	$(BIN)/python -m sim.explain.lines_page > docs/log-lines.md

# To be run when scenarios of real machines, cores or the model of features change.
machines: $(VENV)/ready
	$(BIN)/python -m tools.machines > docs/machines.md

# What the notebooks show where they are viewed; to be run when cells, displays or pictures change.
notebooks: $(VENV)/ready
	$(BIN)/python -m tools.notebook_outputs

# What the README shows; to be run when pictures change.
picture: $(VENV)/ready
	rm -f docs/pictures/late-cpu-refused.svg
	$(BIN)/asymboot plot boot late-cpu-refused -o docs/pictures/late-cpu-refused.svg

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Enough to boot scenarios; the project itself last, since it is built with what comes first.
$(VENV)/base: pyproject.toml requirements-base.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --requirement requirements-base.txt
	$(PIP_INSTALL) --no-build-isolation --editable .
	touch $@

# Everything: all extras, and what checks and documents the code.
$(VENV)/ready: $(VENV)/base requirements.txt
	grep -v '^pylibfdt' requirements.txt | $(PIP_INSTALL) --requirement /dev/stdin
	$(PIP_INSTALL) $$(grep '^pylibfdt' requirements.txt) \
		|| echo "!!! pylibfdt could not be built, which takes a C compiler; what needs it will be skipped"
	touch $@

# Goes on without a package that cannot be had, and says so.
system-deps:
	apt-get update -qq || echo "!!! system-deps: the package lists could not be updated"
	@for package in $(SYSTEM_PACKAGES); do \
		apt-get install -y -qq --no-install-recommends $$package >/dev/null \
			|| echo "!!! system-deps: $$package could not be installed; what needs it will be skipped"; \
	done
	@tools/fetch-kernels $(KERNELS) $(SUITES) \
		|| echo "!!! system-deps: not every arm64 kernel could be fetched; their live boots will be skipped"

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
