# Every target works as the first command after a clone. The logic is in tools/.
.DEFAULT_GOAL := help
.PHONY: help setup up test check check-deploy audit bench lock format clean
export ARGS WITHOUT PYTHON

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## make .venv with everything a developer needs
	@sh tools/setup.sh dev

up: ## start wearbase here and print its address (ARGS="--demo")
	@sh tools/setup.sh runtime
	@exec .venv/bin/wear up $(ARGS)

test: ## install what is missing, run every test (ARGS="-k words", WITHOUT="browser pgbouncer postgresql15")
	@sh tools/setup.sh dev
	@exec .venv/bin/python tools/run_tests.py

check: ## style, types, import rules, architecture, secrets, known vulnerabilities
	@sh tools/setup.sh dev
	@$(MAKE) --no-print-directory -j 2 types architecture style imports known

types:
	@.venv/bin/basedpyright

architecture:
	@.venv/bin/python -m pytest -q tests/architecture

style:
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet . || { echo 'Not formatted. Run: make format'; exit 1; }

imports:
	@.venv/bin/lint-imports --no-logo

known:
	@.venv/bin/python tools/audit.py

audit: ## known vulnerabilities of the locked packages; fails where they cannot be looked up
	@sh tools/setup.sh dev
	@.venv/bin/python tools/audit.py --strict

bench: ## measure (ARGS="reads")
	@sh tools/setup.sh dev
	@exec .venv/bin/python -m bench $(ARGS)

lock: ## resolve the dependencies again (ARGS="--upgrade")
	@sh tools/setup.sh dev
	@sh tools/lock.sh $(ARGS)

format: ## format the code and repair what can be repaired
	@sh tools/setup.sh dev
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

clean: ## remove everything that make made in this folder (your data is elsewhere)
	@rm -rf .venv .venv.lock build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
