# Everything a newcomer needs: `make` lists the targets. The first one that runs sets up .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## list these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed ## the main job on a trained LeNet-5: quantize, verify everywhere, budgets
	$(BIN)/tinycnn demo

test: $(VENV)/.installed-test ## all tests with the tools that are installed, and the wheel
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.installed-test ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed-test ## the engine against onnxruntime, and instructions on the emulated Cortex-M4
	$(BIN)/python benchmarks/engine_speed.py
	$(BIN)/python benchmarks/instructions.py

toolchains: ## install the Debian packages that build for and emulate other machines (needs root)
	apt-get update
	apt-get install -y --no-install-recommends clang g++ gcc gcc-arm-none-eabi libclang-rt-14-dev libnewlib-arm-none-eabi qemu-system-arm qemu-user

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet -e .[test]
	touch $@

.PHONY: help demo test check bench toolchains
