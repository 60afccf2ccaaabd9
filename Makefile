# Needs Rust, Python 3.11 or newer and make; everything else is installed into $(VENV).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# PyTorch without CUDA is a tenth of the size; where this index is out of reach, the build of the package index serves.
TORCH_CPU := https://download.pytorch.org/whl/cpu

# An extension of the source tree, an import from python/ or two layers of threads would all blur what is tested.
unexport PYO3_BUILD_EXTENSION_MODULE PYTHONPATH
export PYO3_PYTHON := $(abspath $(BIN)/python)
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Rust tests are optimised as the wheel is, to be as fast; this crate, built for them alone, keeps its assertions.
CHECKED := --release $(foreach option,debug-assertions=true overflow-checks=true codegen-units=16 opt-level=2,\
	--config profile.release.package.sparsevae.$(option))

WHEEL_SOURCES := Cargo.toml Cargo.lock pyproject.toml $(wildcard README.md LICENSE) \
	$(shell find src python -not -name '__pycache__' -not -path '*/__pycache__/*')
# Two processes, each with one thread; a process that is done takes over tests of the other.
PYTEST := $(BIN)/pytest -n 2 --dist worksteal
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
PROSE := $(wildcard *.md docs examples notebooks python src tests benches)
PY_SOURCES := $(wildcard python tests/python tests/data benches notebooks docs)

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo dev fmt lint lint-rust lint-python test test-rust test-python test-notebooks figures figures-statistics bench docs links clean

help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Solve badly conditioned sparse regressions and noisy real data; print tables, draw figures
	@# The wheel keeps one core busy for most of its time: the packages that it needs are installed meanwhile.
	$(MAKE) -j2 $(VENV)/.wheel $(VENV)/.packages
	$(MAKE) -j1 $(VENV)/.demo
	$(BIN)/sparsevae demo

dev: $(VENV)/.dev ## Create .venv with the package and every tool that make test needs

fmt: $(VENV)/.dev ## Format the Rust and the Python code
	cargo fmt
	$(BIN)/ruff check --fix-only --quiet $(PY_SOURCES)
	$(BIN)/ruff format $(PY_SOURCES)

lint: lint-rust lint-python ## Check format, style, types, stubs, spelling and workflows

lint-rust: $(BIN)/maturin
	cargo fmt --check
	cargo clippy --locked --all-targets --features python -- -D warnings

lint-python: $(VENV)/.dev
	$(BIN)/ruff check $(PY_SOURCES)
	$(BIN)/ruff format --check $(PY_SOURCES)
	$(BIN)/codespell $(PROSE)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(wildcard .github/workflows/*.yml)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest sparsevae._core

test: ## Lint, test the Rust core, then the installed wheel and the notebooks
	@# The wheel is optimised as a whole, which keeps one core busy: the other checks the Rust code meanwhile.
	$(MAKE) -j2 lint-rust $(VENV)/.dev
	$(MAKE) -j1 lint-python test-rust test-python test-notebooks

test-rust: ## Test the Rust core alone, by cargo-nextest where it is installed
	@if cargo nextest --version > /dev/null 2>&1; then \
		set -x; cargo nextest run --locked $(CHECKED) && cargo test --locked --doc $(CHECKED); \
	else \
		set -x; cargo test --locked $(CHECKED); \
	fi

test-python: $(VENV)/.dev ## Test the installed wheel and the examples in its docstrings
	$(PYTEST) tests/python --pyargs sparsevae

test-notebooks: $(VENV)/.dev ## Execute the notebooks, those of the figures with few trials
	SPARSEVAE_QUICK=1 $(PYTEST) --nbmake $(NOTEBOOKS)

figures: $(VENV)/.figures ## Run all experiments of the papers, some 17 CPU hours; renew the notebooks and their numbers
	@start=$$(date +%s); \
	$(BIN)/sparsevae reproduce fig1 fig2 fig3 fig4 fig5 fig6 rows training lowrank manifold digits covariance --methods all && \
	$(BIN)/python notebooks/paper.py && \
	echo "make figures: $$(( $$(date +%s) - start )) seconds"

figures-statistics: $(VENV)/.figures ## Run all experiments on noisy data, 3 CPU hours; renew their notebooks and numbers
	$(BIN)/sparsevae reproduce benchmark calibration prediction finemapping null --methods all && \
	$(BIN)/python notebooks/paper.py statistics

bench: $(VENV)/.bench ## Time the kernel, then everything beside its rivals; write docs/benchmarks/peers.md
	cargo bench --locked
	$(BIN)/python benches/peers/all.py

docs: $(VENV)/.docs ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

links: $(VENV)/.docs ## Ask whether the addresses in the documentation answer; needs a network
	$(BIN)/sphinx-build -W --keep-going -b linkcheck -D plot_gallery=0 docs docs/_build/linkcheck

clean: ## Remove the environment and everything built
	rm -rf $(VENV) target dist demo docs/_build docs/gallery docs/generated docs/sg_execution_times.rst .mypy_cache .ruff_cache .pytest_cache

# The environment: interpreter, build tool, wheel, then one stamp per set of extras.

$(BIN)/python:
	@command -v cargo > /dev/null || { echo "cargo is not on the PATH: install Rust from https://rustup.rs" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "sparsevae needs Python 3.11 or newer, but '$(PYTHON)' is not: try make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BIN)/maturin: | $(BIN)/python
	$(BIN)/python -m pip install --quiet "maturin>=1.9,<2"

$(VENV)/.wheel: $(WHEEL_SOURCES) | $(BIN)/maturin
	@# Two units let two cores compile the crate: half a minute less, for fits that take 2% longer than those of a release.
	rm -rf dist
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=2 $(BIN)/maturin build --release --out dist --interpreter $(BIN)/python
	@touch $@

$(VENV)/.packages: pyproject.toml | $(BIN)/maturin
	$(BIN)/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["dependencies"], *project["optional-dependencies"]["plot"], sep="\n")' \
		| $(BIN)/python -m pip install --quiet --requirement /dev/stdin
	@touch $@

$(VENV)/.torch: | $(BIN)/maturin
	@$(BIN)/python -m pip install --quiet --retries 0 --index-url $(TORCH_CPU) "torch>=2.4" 2> /dev/null \
		|| echo "no PyTorch without CUDA is within reach: the one of the package index is larger"
	@touch $@

$(VENV)/.dev $(VENV)/.figures $(VENV)/.docs: $(VENV)/.torch

$(VENV)/.demo $(VENV)/.dev $(VENV)/.figures $(VENV)/.bench $(VENV)/.docs: $(VENV)/.%: $(VENV)/.wheel
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps dist/*.whl
	$(BIN)/python -m pip install --quiet "$$(ls dist/*.whl)[$*]"
	@touch $@
