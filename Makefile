# make run · make test · make bench · make train (make setup is the part they share)

PYTHON ?= python3
PORT ?= 8000
VENV := .venv/bin
export PORT

.PHONY: help setup run test test-stripe prod-check lint screenshots bench train

help:
	@echo "make run    from a fresh clone to the open shop at http://localhost:$(PORT)/"
	@echo "make test   the whole suite: unit, PostgreSQL races, browser"
	@echo "make test-stripe  what the product asks of Stripe, asked of a sandbox too (STRIPE_TEST_KEY; docs/stripe.md)"
	@echo "make prod-check   all of production on this machine, with the files of deploy/, and a purchase through it"
	@echo "make lint   ruff, mypy, import-linter, migrations and deployment checks"
	@echo "make screenshots  docs/screenshots, from the real pages"
	@echo "make bench  the benchmarks, as a table and in bench/results.json"
	@echo "make train  train the base and all instruments on CORPUS (default ../shared/corpus); takes hours"

# uv installs the same pinned packages as pip in a quarter of the time.
.venv/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Soloscore needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(VENV)/pip install --quiet --disable-pip-version-check uv==0.13.9
	@touch $@

.venv/installed: .venv/uv requirements.txt
	$(VENV)/uv pip install --quiet --python $(VENV)/python -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(VENV)/uv pip install --quiet --python $(VENV)/python -r requirements-dev.txt
	@touch $@

setup: .venv/installed
	@deploy/system-packages.sh run
	@$(VENV)/python -m generation.composer.kernel

run: setup
	@exec $(VENV)/python manage.py run

test: .venv/installed-dev
	@deploy/system-packages.sh test
	@$(VENV)/python -m generation.composer.kernel
	$(VENV)/python -m pytest -q -n 2 --ignore=tests/browser
	$(VENV)/python -m pytest -q -p no:randomly tests/browser
	$(VENV)/python -m tests.with_postgres $(VENV)/python -m pytest -q tests/races

test-stripe: .venv/installed-dev
	$(VENV)/python -m pytest -q -rs -p no:randomly --force-enable-socket tests/contract

prod-check: .venv/installed-dev
	@deploy/system-packages.sh test
	@deploy/system-packages.sh prod
	@$(VENV)/python -m generation.composer.kernel
	$(VENV)/python -m tests.production.check

lint: .venv/installed-dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/lint-imports
	$(VENV)/mypy
	$(VENV)/python manage.py makemigrations --check --dry-run
	deploy/check.sh $(VENV)/python

screenshots: .venv/installed-dev
	@deploy/system-packages.sh test
	$(VENV)/python -m tests.browser.screenshots

bench: setup .venv/installed-dev
	@deploy/system-packages.sh test
	$(VENV)/python manage.py bench --docs

CORPUS ?= ../shared/corpus
INSTRUMENTS := piano guitar harpsichord organ violin viola cello flute
MODEL := weights.npz styles.npz critic.npz leanings.npz card.json
SHIPPED := generation/pretrained
MANAGE := $(VENV)/python manage.py
ON_CORPUS = --corpus $(CORPUS) --cache training/cache --models $(SHIPPED)
CHOSEN := --chosen --rounds 8 --orders 14
train: setup
	$(MANAGE) train_composer --instrument base --corpus $(CORPUS) --cache training/cache --output training/base
	$(MANAGE) build_originality_index --corpus $(CORPUS) --cache training/cache
	cp training/base/ledger.json $(SHIPPED)/corpus/
	set -e; for instrument in $(INSTRUMENTS); do \
		$(MANAGE) train_composer --instrument $$instrument --corpus $(CORPUS) --cache training/cache \
			--start-from training/base --output training/$$instrument; \
		mkdir -p $(SHIPPED)/$$instrument; \
		for file in $(MODEL); do cp training/$$instrument/$$file $(SHIPPED)/$$instrument/; done; \
		$(MANAGE) lean_composer --instrument $$instrument $(ON_CORPUS); \
		$(MANAGE) teach_critic --instrument $$instrument $(ON_CORPUS); \
		$(MANAGE) lean_composer --instrument $$instrument $(ON_CORPUS) $(CHOSEN); \
	done
	$(MANAGE) train_composer --instrument harp --transfer-from $(SHIPPED)/piano --output $(SHIPPED)/harp
	$(MANAGE) train_composer --instrument vibraphone --transfer-from $(SHIPPED)/piano --output $(SHIPPED)/vibraphone
	$(MANAGE) train_composer --instrument marimba --transfer-from $(SHIPPED)/guitar --output $(SHIPPED)/marimba
	set -e; for pair in harp:piano vibraphone:piano marimba:guitar; do \
		$(MANAGE) lean_composer --instrument $${pair%:*} --folder $${pair#*:} $(ON_CORPUS); \
		$(MANAGE) lean_composer --instrument $${pair%:*} --folder $${pair#*:} $(ON_CORPUS) $(CHOSEN); \
	done
