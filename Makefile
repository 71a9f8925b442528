# `make serve` and `make test` are the two commands to know; both set up what they need, and no more.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export NO_MKDOCS_2_WARNING := 1
# Of what pip installs, Python compiles what it imports, once: all of it would take a minute.
unexport PYTHONDONTWRITEBYTECODE
VENDOR := docs/vendor/stix-two-math-latin-400-normal.woff2
INSTALL := python -m pip install --quiet --no-compile --constraint constraints.txt --editable

# `make test` runs a seeded sample of each test's cases, with FULL=1 all of them. With ONLY=lion it
# runs what concerns one optimizer and needs no built site: first those tests that CONTRIBUTING goes
# through, in its order.
PYTEST := python -m pytest $(if $(FULL),--full) $(if $(ONLY),--only=$(ONLY))
FIRST := tests/test_contribution.py tests/test_formula.py optimizers tests/test_optimizers.py tests/test_snippets.py \
	tests/test_install.py tests/test_formula_mutants.py

.PHONY: serve build test new snippets mutants ecosystem frameworks bench agreement bench-site experiment audit audit-deps screenshots setup pages dist pins
# Two installations at once into one environment would break it.
.NOTPARALLEL:

# Python does not read a module twice, so a change of one starts the server anew.
serve: pages
	watchmedo auto-restart --recursive -d optimizers -d docs_ext --patterns '**/*.py' \
		--debounce-interval 1 --signal SIGTERM --no-restart-on-command-exit -- python -m mkdocs serve

build: pages
	python -m mkdocs build --strict

test: setup
	ruff check .
	ruff format --check . || { echo "this rewrites them: .venv/bin/ruff format ." >&2; exit 1; }
	$(if $(ONLY),,mypy)
	$(if $(ONLY),$(PYTEST) -x $(FIRST))
	$(PYTEST) --numprocesses auto --dist worksteal $(if $(ONLY),$(addprefix --ignore=,$(FIRST)))

# make new NAME=AdaBound PAGE=adam PARENT=Adam writes what a new optimizer needs, to be filled in.
new: setup
	@python -m tools.scaffold "$(NAME)" "$(PAGE)" "$(PARENT)"

# Runs the snippets, or that of ONLY=lion, and writes what they print into snippets/*.out.
snippets: setup
	python -m pytest -q -k "prints$(if $(ONLY), and $(ONLY))" tests/test_snippets.py --write-outputs

# Changes one thing at a time and counts what the checks notice, for the page on how this site is
# checked: in each optimizer that changed since, in that of ONLY=lion, or in all with FULL=1.
mutants: setup
	python -m tools.mutants $(ONLY) $(if $(FULL),--all)

# Runs the classes in the training loops of other projects; installs these, about 115 MB.
ecosystem: .venv/test
	$(INSTALL) '.[ecosystem]'
	python -m pytest --numprocesses auto --dist worksteal tests/test_ecosystem.py

# Tries what is printed for other frameworks in these, and whether other libraries still compute what
# the page on that says; installs them, about 450 MB.
frameworks: .venv/test
	$(INSTALL) '.[frameworks,bench]'
	$(PYTEST) --numprocesses auto --dist worksteal tests/test_frameworks.py tests/test_agreement.py $(wildcard tests/test_printed_*.py)

# Measures what a step costs, here and elsewhere, for the page of that name; takes some minutes.
bench: setup
	$(INSTALL) '.[bench]'
	python -m benchmarks.cost

# Asks the registries for known faults in what constraints.txt and package-lock.json pin.
audit-deps: setup
	npm audit
	python -m venv .cache/audit
	.cache/audit/bin/python -m pip install --quiet pip-audit
	.cache/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

# Runs what other libraries call by the same names beside what is here, and finds what differs, for
# the page on that; installs JAX, Keras, MLX and more, about 450 MB, and takes some minutes.
agreement: setup
	$(INSTALL) '.[frameworks,bench]'
	python -m benchmarks.agreement

# Trains a small transformer for the notebook; goes on where it was stopped. About 20 minutes.
experiment: setup
	python -m benchmarks.experiment

# Lighthouse on every page, or on that of ONLY=adam, as a phone sees it: some minutes, and 180 MB
# from npm the first time.
audit: setup build
	test -d node_modules/lighthouse || npm ci --no-progress
	python -m tools.audit site $(ONLY)

# Photographs of the pages, to be looked at: two widths, light and dark.
screenshots: setup build
	python -m tools.screenshots site screenshots

# How the site grows with its pages, for the page on hosting: some minutes.
bench-site: setup
	python -m benchmarks.site benchmarks/site.json

# What is released: sdist and wheel, as of the commit's time, so that it gives the same bytes again.
dist: .venv/bin/pip
	python -m pip install --quiet --no-compile --constraint constraints.txt build hatchling twine
	rm -rf dist
	SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" python -m build --no-isolation
	twine check --strict dist/*

# Writes constraints.txt anew: its first lines and torch as they are, the newest of all else.
pins:
	$(PYTHON) -m venv --clear .cache/pins
	.cache/pins/bin/python -m pip install --quiet --no-compile '.[test]' twine "$$(grep ^torch== constraints.txt)"
	grep '^#' constraints.txt > .cache/pins/pins.txt
	.cache/pins/bin/python -m pip freeze --exclude optimizers-that-run | sed 's/+cpu$$//' >> .cache/pins/pins.txt
	mv .cache/pins/pins.txt constraints.txt

# What reading and building the pages needs; what everything else needs: tests and their tools.
pages: .venv/docs $(VENDOR)
setup: .venv/test $(VENDOR)

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11, 5) or sys.exit("Python 3.11.5 or newer is needed, not " + sys.version)'
	@$(PYTHON) -c 'import ensurepip' || { echo "venv is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --upgrade pip # that of Python 3.11 takes twice as long

.venv/docs: pyproject.toml constraints.txt | .venv/bin/pip
	$(INSTALL) '.[docs]'
	touch $@

# Tests need what the pages need too.
.venv/test: pyproject.toml constraints.txt | .venv/bin/pip
	$(INSTALL) '.[test]'
	touch .venv/docs $@

# Temml and the fonts come from npm, and npm from the virtual environment.
$(VENDOR): package-lock.json | .venv/docs
	npm ci --no-progress --omit=optional
	rm -rf docs/vendor
	mkdir -p docs/vendor
	cp node_modules/temml/dist/Temml-Local.css docs/vendor/temml.css
	cp node_modules/temml/dist/Temml.woff2 docs/vendor # for primes and script letters
	cp node_modules/@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff2 docs/vendor
	cp node_modules/@fontsource-variable/vazirmatn/files/vazirmatn-arabic-wght-normal.woff2 docs/vendor
	touch $@
