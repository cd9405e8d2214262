# Each target makes .venv first (scripts/setup), which is quick when nothing changed.
# Arguments pass on: make demo DEMO_ARGS=--no-serve, make test TEST_ARGS="-k outbox". Another Python: make PYTHON=python3.12 …

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-browser lint format bench docs lock
RUN := .venv/bin/python -m

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14

setup: ## make .venv with everything pinned in requirements.txt
	@PYTHON="$(PYTHON)" scripts/setup

demo: setup ## the sample brand through the real flows, then the console on 127.0.0.1:8000
	@.venv/bin/vigie demo $(DEMO_ARGS)

test: setup ## every test but those in a browser; all of them on all cores, a selection on one
	@$(RUN) pytest $(if $(TEST_ARGS),,-n auto --dist worksteal) $(TEST_ARGS)

test-browser: setup ## the tests in a browser; installs Chromium where it is missing
	@scripts/chromium
	@$(RUN) pytest -m browser $(TEST_ARGS)

lint: setup ## ruff, import rules, types
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@.venv/bin/lint-imports --no-logo
	@$(RUN) mypy

format: setup ## write the code as ruff wants it
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

bench: setup ## every measurement in benchmarks/
	@found=$$(cd benchmarks && ls *.py 2>/dev/null | grep -v '^_' || true); \
	if [ -z "$$found" ]; then echo "benchmarks/ has no measurement yet"; fi; \
	for file in $$found; do echo "bench: $$file"; $(RUN) "benchmarks.$${file%.py}" $(BENCH_ARGS) || exit 1; done

docs: setup ## write docs/settings.md anew from config/settings.py
	@$(RUN) scripts.settings_page

lock: ## pin the whole closure of pyproject.toml in requirements.txt (needs uv)
	@uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --quiet --output-file requirements.txt
