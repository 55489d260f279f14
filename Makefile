SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo variants test test-fast test-all lint types cover wheel-test bench clean

PYTHON_FILES := pytest_tfdocker tests examples bench
SHELL_FILES := $(shell grep -rlE '^#!.*\bbash$$' tools .ci 2>/dev/null) $(wildcard tools/*.bash pytest_tfdocker/probe/*.sh)

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## builds the example's image and judges it; sets up what is missing, an engine too
	@tools/demo

variants: ## one model as fp32, int8 and ONNX: what each takes, as a table
	@tools/variants

test: ## the tests, on a real engine where one can be had
	@tools/run-tests

test-fast: ## the tests that need no engine
	@tools/venv dev
	@.venv/bin/pytest -n 3 -m "not engine and not slow"

test-all: ## test, and the slow ones
	@tools/run-tests --all

lint: ## ruff, and shellcheck where it is installed
	@tools/venv dev
	.venv/bin/ruff check $(PYTHON_FILES)
	.venv/bin/ruff format --check $(PYTHON_FILES)
	if command -v shellcheck >/dev/null; then shellcheck -x $(SHELL_FILES); else echo "no shellcheck here"; fi

types: ## mypy, strict
	@tools/venv dev
	.venv/bin/mypy

cover: ## the tests' coverage, a line a module that has gaps
	@tools/venv dev
	.venv/bin/pytest --cov --cov-report=term-missing:skip-covered -m "not slow"

wheel-test: ## builds the wheel and runs the tests that need no engine against it
	@tools/wheel-test

bench: ## speed, as ratios in one run, peers included
	@bench/run

clean: ## removes what make and the tests made here; the engine and its images stay
	rm -rf .venv build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "an engine of ours: tools/engine down --purge"
