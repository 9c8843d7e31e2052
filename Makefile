# Two commands for a newcomer: `make lab` and `make test`. Everything lives in .venv; nothing else is touched.
LAB_ARGS ?=
PYTEST_ARGS ?=
# Empty, it installs the newest versions instead of the tested ones: make unit CONSTRAINTS=
CONSTRAINTS ?= -c constraints.txt
# Relative on purpose: the folder of the course may have blanks in its path. On Windows, recipes need the sh of Git.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
PY := .venv/Scripts/python.exe
else
PYTHON ?= python3
PY := .venv/bin/python
endif
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-sanitize-with tests/nbval_sanitize.cfg
# Each core takes other tests; a process with one thread wastes nothing (with a learner's threads, `make notebooks` runs
# all cells). tests/conftest.py keeps the cells of a notebook together.
SPREAD := -n auto
PYTEST := OMP_NUM_THREADS=1 VISLIB_PROGRESS=off VISLIB_PHOTO=off $(PY) -m pytest $(PYTEST_ARGS)
ALL := VISLIB_THOROUGH=1
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
# In a container the only user is often root, which JupyterLab refuses unless told.
AS_ROOT := $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)
# Modules are compiled when they are first imported, not all at once; and kept, or each kernel would compile PyTorch anew.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(PY) -m pip install --disable-pip-version-check --no-compile -q $(CONSTRAINTS)

.PHONY: lab test test-all cells beside lint unit nbval browser gpu notebooks slides lectures site handout wheel bench release-check clean help
.DEFAULT_GOAL := lab

define VENV
@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, and $(PYTHON) is {v.major}.{v.minor}; call: make PYTHON=python3.12")'
@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
endef

# A stamp is older than pyproject.toml or constraints.txt exactly when something has to be installed.
.venv/.course: pyproject.toml constraints.txt
	$(VENV)
	@echo "Installing the course into .venv (a few minutes, once) ..."
	@$(INSTALL) -e .
	@touch $@

.venv/.all: .venv/.dev
	@$(INSTALL) -e ".[dev,bench,cluster,site]"
	@touch $@

.venv/.dev: pyproject.toml constraints.txt
	$(VENV)
	@echo "Installing the course and what the tests need into .venv (a few minutes, once) ..."
	@$(INSTALL) -e ".[dev,bench]"
	@touch .venv/.course $@

lab: .venv/.course  ## open the course in JupyterLab; options: make lab LAB_ARGS="--no-browser --port=8899"
	$(PY) -m jupyterlab $(AS_ROOT) notebooks/00_start_here.ipynb $(LAB_ARGS)

test: .venv/.dev  ## what CI runs: lint, every cell of every notebook, one of each kind of test, Chromium
	+$(MAKE) -j 2 $(SYNC) cells beside

test-all: .venv/.all lint  ## everything: all combinations, other random numbers in every run, a cell of every table; hours
	$(ALL) $(PYTEST) $(SPREAD) $(NBVAL) -m "not gpu and not browser" tests notebooks --ignore tests/fixtures
	$(ALL) $(PYTEST) -n 2 -m browser tests/browser

cells: .venv/.dev
	$(PYTEST) $(SPREAD) $(NBVAL) -m "not slow and not gpu and not browser" tests notebooks --ignore tests/fixtures

beside: .venv/.dev  # what leaves a core idle in places runs while the tests do
	$(MAKE) lint
	$(MAKE) browser

lint: .venv/.dev  ## form, imports, types, and the decks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(dir $(PY))lint-imports --no-logo --no-cache
	$(PY) -m mypy
	$(PY) -m flashcards check

unit: .venv/.dev  ## the tests of the packages alone; one file: make unit PYTEST_ARGS=tests/test_roar.py
	$(PYTEST) $(SPREAD) -m "not slow and not gpu and not browser"

nbval: .venv/.dev  ## every cell of every notebook
	$(PYTEST) -n auto --dist loadfile $(NBVAL) notebooks

browser: .venv/.dev  ## flashcards, explorers and quizzes in Chromium
	$(PYTEST) -m "browser and not slow" tests/browser

gpu: .venv/.dev  ## on a machine with a GPU: the same values as on the CPU, every notebook, and the times
	$(PYTEST) -m gpu tests/test_gpu.py
	$(PY) -m benchmarks

notebooks: .venv/.dev  ## execute every notebook, strip widget state, write; one: make notebooks ONLY=04_occlusion
	$(PY) tools/run_notebooks.py $(ONLY)

slides: .venv/.course  ## reveal.js slides in build/slides; needs npm, once; one: make slides ONLY=04_occlusion
	$(PY) -m tools.slides $(ONLY)

lectures: .venv/.dev  ## the two lectures in build/lectures, as HTML and PDF, and their plan; needs npm, once, and Chromium
	$(PY) -m tools.lectures

.venv/.site: .venv/.course
	@$(INSTALL) -e ".[site]"
	@touch $@

site: .venv/.site  ## the reading edition in build/site/html; needs npm, once
	$(PY) -m tools.site

handout: .venv/.course  ## notebooks without solutions and notes in build/handout
	$(PY) -m tools.handout $(ONLY)

wheel:  ## the course as one file in dist, which pip installs anywhere
	$(VENV)
	$(PY) -m pip wheel --disable-pip-version-check -q --no-deps -w dist .

release-check: .venv/.dev  ## what a release still lacks: names, versions, dates, tables; not part of make test
	$(PY) -m tools.release

bench: .venv/.dev  ## times on this processor, kept in benchmarks/tables and stated in the README; on an idle machine
	$(PY) -m benchmarks

clean:  ## remove what was made here, .venv included; your progress is kept elsewhere
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
