# Every target runs in the project's environment, which tools/env makes on first use.
ENV := tools/env
# What `make image` builds: runtime, with GPU support, or runtime-cpu.
TARGET ?= runtime
IMAGE ?= $(shell tools/image name $(TARGET))

.DEFAULT_GOAL := help
.PHONY: help env run test test-thorough test-unit check lint types contracts bench tensorboard flink compile image image-push audit clean clean-data

help: ## Show this list
	@echo 'usage: make TARGET [ARGS="..."]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: ## Make the environment, without running anything in it
	@$(ENV) true

run: ## Run the pipeline here, on the real Fashion-MNIST (ARGS="--model cnn")
	@$(ENV) python local_runner.py $(ARGS)

test: ## Run the tests, the end-to-end ones too, a file at a time on each of two cores (ARGS="tests/data -x")
	@$(ENV) pytest $(or $(ARGS),-m "not thorough" --numprocesses 2 --dist loadfile)

test-thorough: ## Run the thorough tests, which test leaves out (SINCE=COMMIT: those of what changed since then)
	@$(ENV) pytest -m thorough --numprocesses 2 --dist loadfile $(SINCE:%=--since %) $(ARGS) || [ $$? = 5 ]  # 5: none

test-unit: ## Run the quick tests only
	@$(ENV) pytest -m "not e2e and not thorough" $(ARGS)

check: lint types contracts ## Run everything that reads the code without running it

lint: ## Check style and formatting
	@$(ENV) ruff check .
	@$(ENV) ruff format --check .

types: ## Check types
	@$(ENV) mypy

contracts: ## Check which package may import which
	@$(ENV) lint-imports

bench: ## Measure the pipeline against the tutorial's two scripts, five minutes (ARGS="--growth 10", "--cnn", "--gpu", "--kubeflow", "--flink")
	@$(ENV) python -m bench.end_to_end $(ARGS)

tensorboard: ## Show training and evaluation in TensorBoard (ARGS="--logdir FOLDER")
	@$(ENV) tools/tensorboard $(ARGS)

flink: ## A Flink cluster here for --beam-runner flink (ARGS=up, status, down)
	@tools/flink $(ARGS)

compile: ## Write the Kubeflow package
	@$(ENV) python kubeflow_runner.py $(ARGS)

image: ## Build the image that the steps run in and prove it (TARGET=runtime-cpu, IMAGE=registry.example.org/name:1.0)
	@tools/image build $(TARGET) $(IMAGE)
	@tools/image smoke $(IMAGE)

image-push: ## Push an image and print its name with its digest (IMAGE=registry.example.org/name:1.0)
	@tools/image push $(IMAGE)

audit: ## Ask for known vulnerabilities of the locked packages, GPU's too
	@$(ENV) tools/audit

clean: ## Remove output/ with its models and reports, and the tools' caches; keep the environment and the data
	rm -rf output .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

clean-data: ## Remove the data sets that runs keep for the next one, while nothing runs
	rm -rf -- "$${XDG_CACHE_HOME:-$${HOME:-$$(echo ~)}/.cache}/tfx-fashion-mnist"
