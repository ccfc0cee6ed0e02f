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

EXAMPLES ?= 200
test-random: $(VENV)/.installed-test ## random networks, others each time: make test-random EXAMPLES=1000
	TINYCNN_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q tests/test_random_networks.py

test-wheel: $(VENV)/.installed-test ## the same tests against the built wheel, in an environment of its own
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --outdir build/wheel
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/pip install --quiet "$$(ls $(CURDIR)/build/wheel/*.whl)[test]"
	cd build/wheel && TINYCNN_TEST_WHEEL=1 venv/bin/pytest -c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) -n 2 $(CURDIR)/tests

check: $(VENV)/.installed-test ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

examples: $(VENV)/.installed-test ## run the examples that check their own figures
	for example in examples/*/run.py; do $(BIN)/python $$example || exit 1; done

figures: $(VENV)/.installed-test ## after a change of kernels or plans: write the examples' figures into their READMEs
	for example in examples/*/run.py; do $(BIN)/python $$example --update || exit 1; done
	$(BIN)/python examples/compare.py

test-models: $(VENV)/.installed-test ## with MODELS=folder DATA=folder: the MLPerf Tiny models on real inputs
	$(BIN)/python tests/real_models.py "$(MODELS)" "$(DATA)"

bench: $(VENV)/.installed-test ## the engine against onnxruntime; instructions against the baseline; portable C
	$(BIN)/python benchmarks/engine_speed.py
	$(BIN)/python benchmarks/instructions.py
	$(BIN)/python benchmarks/portable.py

toolchains: ## install the Debian packages that build for and emulate other machines (needs root)
	apt-get update
	apt-get install -y --no-install-recommends clang avr-libc g++ gcc gcc-12-multilib gcc-arm-none-eabi gcc-avr \
		gcc-powerpc-linux-gnu gcc-riscv64-unknown-elf \
		gcc-xtensa-lx106 libclang-rt-14-dev libelf-dev libnewlib-arm-none-eabi libsimavr-dev \
		qemu-system-arm qemu-system-misc qemu-user simavr

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet -e .[test]
	touch $@

.PHONY: test-models test-random help demo examples figures test test-wheel check bench toolchains
