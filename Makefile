# make run · make test · make bench · make train (make setup is the part they share)

PYTHON ?= python3
PORT ?= 8000
VENV := .venv/bin
export PORT

.PHONY: help setup run test lint bench train

help:
	@echo "make run    from a fresh clone to the open shop at http://localhost:$(PORT)/"
	@echo "make test   the whole suite: unit, PostgreSQL races, browser"
	@echo "make lint   ruff, mypy, import-linter, migrations and deployment checks"
	@echo "make bench  the benchmarks, as a table and in bench/results.json"
	@echo "make train  train piano and guitar on CORPUS (default ../shared/corpus)"

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

lint: .venv/installed-dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/lint-imports
	$(VENV)/mypy
	$(VENV)/python manage.py makemigrations --check --dry-run
	deploy/check.sh $(VENV)/python

bench: setup
	$(VENV)/python manage.py bench --docs

CORPUS ?= ../shared/corpus
MODEL := weights.npz index.npz card.json ledger.json
train: setup
	$(VENV)/python manage.py train_composer --instrument piano --corpus $(CORPUS) --output training/piano
	cp $(addprefix training/piano/,$(MODEL)) generation/pretrained/piano/
	$(VENV)/python manage.py train_composer --instrument guitar --corpus $(CORPUS) --output training/guitar \
		--start-from training/piano --minutes 30
	cp $(addprefix training/guitar/,$(MODEL)) generation/pretrained/guitar/
