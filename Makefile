# make demo | test | test-gpu | test-flaresolverr | check | coverage | check-live | bench | lock | clean
#   make demo MODEL_PACK=buffalo_l DATA_DIR=/tmp/demo    settings of the program
#   make test ARGS="-k config"                           arguments of pytest (or of the bench)
#   make demo PYTHON=python3.12 EXTRA=cpu                another Python, no GPU
.DEFAULT_GOAL := demo
.DELETE_ON_ERROR:
.PHONY: demo test test-gpu test-flaresolverr soak check coverage check-live bench lock clean install install-dev python
SHELL := /bin/bash
# Every start of the program would compile it anew, a tenth of what a short command takes.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
ifndef EXTRA
EXTRA := $(shell nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
endif
OTHER_EXTRA := $(filter-out $(EXTRA),cpu gpu)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps
SETTINGS = $(if $(MODEL_PACK),-s MODEL_PACK='$(MODEL_PACK)') $(if $(DATA_DIR),-s DATA_DIR='$(DATA_DIR)')

INSTALLED := $(VENV)/.installed-$(EXTRA)
INSTALLED_DEV := $(VENV)/.installed-$(EXTRA)-dev

demo: $(INSTALLED)
	$(BIN)/scrapy demo $(SETTINGS) $(ARGS)

# The suite's own embedded models; a second pull finds them in place and downloads nothing.
test: $(INSTALLED_DEV)
	$(BIN)/scrapy models pull opencv_zoo
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

# The tests of CUDA, on a machine with an NVIDIA GPU (docs/model-packs.md); elsewhere each says why it is skipped.
test-gpu: $(INSTALLED_DEV)
	$(BIN)/scrapy models pull opencv_zoo
	$(BIN)/python -m pytest tests/gpu $(ARGS)

# The tests with FlareSolverr, asking a real one on this machine instead of the suite's stand-in (docs/flaresolverr.md).
FLARESOLVERR_URL ?= http://127.0.0.1:8191
test-flaresolverr: $(INSTALLED_DEV)
	$(BIN)/scrapy models pull opencv_zoo
	ENRICH_TEST_FLARESOLVERR='$(FLARESOLVERR_URL)' $(BIN)/python -m pytest --timeout=600 \
	  tests/challenges/test_flaresolverr_client.py tests/crawl/test_flaresolverr.py $(ARGS)

# The tests that take minutes: crawls killed again and again, thousands of damaged pictures, a pace measured by the minute.
soak: $(INSTALLED_DEV)
	$(BIN)/scrapy models pull opencv_zoo
	$(BIN)/python -m pytest -m soak $(ARGS)

check: $(INSTALLED_DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The whole suite with the coverage of enrich/, of crawls in processes of their own too.
coverage: $(INSTALLED_DEV)
	$(BIN)/scrapy models pull opencv_zoo
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(ARGS)

# Asks the real sources, one request each: not part of any other target.
check-live: $(INSTALLED)
	$(BIN)/scrapy check $(ARGS)

bench: $(INSTALLED)
	$(BIN)/python -m bench $(ARGS)

install: $(INSTALLED)
install-dev: $(INSTALLED_DEV)

# A change of the lock or of the metadata installs again; a change between cpu and gpu starts from an empty .venv,
# because both onnxruntimes are one folder.
$(INSTALLED): pyproject.toml setup.py requirements/$(EXTRA).txt | python
	@echo "Installing into $(VENV) from requirements/$(EXTRA).txt ..."
	$(PYTHON) -m venv $(if $(wildcard $(VENV)/.installed-$(OTHER_EXTRA)),--clear) $(VENV)
	$(PIP) -r requirements/$(EXTRA).txt
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements/dev.txt requirements/browser.txt
	$(PIP) -r requirements/dev.txt
	$(PIP) -r requirements/browser.txt
	@touch $@

python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or later, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) is too old; enrich needs 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments; install its venv package (Debian: apt-get install python3-venv)" >&2; exit 1; }

# Resolves the bounds of pyproject.toml anew, for every Python from 3.11 on, and writes the pinned lists.
# The excludes leave out what must not be there twice (see pyproject.toml); dev.txt and browser.txt agree with cpu.txt.
LOCK := build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --upgrade \
	--custom-compile-command "make lock"
lock: | python
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --disable-pip-version-check --quiet "uv>=0.9,<1"
	$(LOCK) pyproject.toml requirements/build.in --extra cpu --excludes requirements/cpu.excludes -o requirements/cpu.txt
	$(LOCK) pyproject.toml requirements/build.in --extra gpu --excludes requirements/gpu.excludes -c requirements/cpu.txt -o requirements/gpu.txt
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"], sep="\n")' \
	| $(LOCK) - -c requirements/cpu.txt -o requirements/dev.txt
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["browser"], sep="\n")' \
	| $(LOCK) - -c requirements/cpu.txt -o requirements/browser.txt

# Leaves data/ alone: it may hold a crawl.
clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
