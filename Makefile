# `make serve` and `make test` are the two commands to know; both set up what they need.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export NO_MKDOCS_2_WARNING := 1
VENDOR := docs/vendor/katex/katex.min.css

# What `make test ONLY=lion` runs: the checks of one optimizer alone, in the order of CONTRIBUTING.
ONE := tests/test_contribution.py tests/test_formula.py optimizers tests/test_optimizers.py tests/test_snippets.py

.PHONY: serve build test new snippets mutants experiment setup

serve: setup
	python -m mkdocs serve

build: setup
	python -m mkdocs build --strict

test: setup
	ruff check .
	ruff format --check .
	python -m pytest $(if $(ONLY),-x -k "$(ONLY)" $(ONE),--numprocesses auto --dist worksteal)

# make new NAME=AdaBelief PAGE=adam PARENT=Adam writes what a new optimizer needs, to be filled in.
new: setup
	@python -m docs_ext.new "$(NAME)" "$(PAGE)" "$(PARENT)"

# Runs the snippets and writes what they print into snippets/*.out.
snippets: setup
	python -m pytest -q tests/test_snippets.py --write-outputs

# Changes one thing at a time and counts what the checks notice, for the page on how this site is checked.
mutants: setup
	python -m tests.mutants tests/mutants.md

# Trains a small transformer for a notebook; goes on where it was stopped. 13 minutes of one core.
experiment: setup
	python -m benchmarks.experiment

setup: .venv/ready $(VENDOR)

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11, 5) or sys.exit("Python 3.11.5 or newer is needed, not " + sys.version)'
	@$(PYTHON) -c 'import ensurepip' || { echo "venv is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

# KaTeX and the Persian font come from npm, and npm from the virtual environment.
$(VENDOR): package-lock.json .venv/ready
	npm ci --no-progress
	rm -rf docs/vendor
	mkdir -p docs/vendor/katex/fonts docs/vendor/katex/contrib docs/vendor/vazirmatn
	cp node_modules/katex/dist/fonts/*.woff2 docs/vendor/katex/fonts
	cp node_modules/katex/dist/contrib/copy-tex.min.js docs/vendor/katex/contrib
	cp node_modules/@fontsource-variable/vazirmatn/files/vazirmatn-arabic-wght-normal.woff2 docs/vendor/vazirmatn
	cp node_modules/katex/dist/katex.min.css $@
