# Everything runs from .venv in this folder. PYTHON makes it; torch and torchvision are pinned in constraints.txt.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
SEED ?= 1

.PHONY: setup demo toy-full toy-full-paper tables-toy tables-check test test-slow fuzz lint format pretrain-toy clean

setup: $(VENV)/.installed

$(VENV)/.installed: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(RUN) -m aio_plugin.tools.torchvision_repair
	touch $@

demo: setup
	$(RUN) -m aio_plugin toy --root data/toy-demo --ids 400 --seed 0
	$(RUN) -m aio_plugin main --config-file configs/toy/aio_tiny_toy.yaml data.save_dir log/demo train.seed $(SEED)

toy-full: setup
	$(RUN) -m aio_plugin toy --root data/toy-full --ids 1000 --seed 0
	$(RUN) -m aio_plugin main --config-file configs/toy/aio_tiny_toy_full.yaml train.seed $(SEED) data.save_dir log/toy-full-$(SEED)

toy-full-paper: setup
	$(RUN) -m aio_plugin toy --root data/toy-full --ids 1000 --seed 0
	$(RUN) -m aio_plugin main --config-file configs/toy/aio_tiny_toy_full_paper.yaml train.seed $(SEED) data.save_dir log/toy-full-paper-$(SEED)

tables-toy: setup
	$(RUN) -m benchmarks.paper_tables --toy --jobs 2
	$(RUN) -m benchmarks.markdown

# Whether the committed toy tables come out again, within their deviation.
tables-check: setup
	$(RUN) -m benchmarks.paper_tables --toy --jobs 2 --check

test: setup
	$(RUN) -m pytest

test-slow: setup
	$(RUN) -m pytest -m slow

# 20,000 cases of damaged files: docs/fuzzing.md.
fuzz: setup
	$(RUN) -m tests.fuzz --cases 20000 --seed 0 --jobs 2 --minutes 60

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: setup
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

pretrain-toy: setup
	$(RUN) -m benchmarks.pretrain_toy --out aio_plugin/encoders/toy.safetensors

clean:
	rm -rf $(VENV) data log build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
