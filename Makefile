# Needs make and python3 (3.11 or newer) alone: the first target that wants more sets it up.
PYTHON ?= python3
BIN := .venv/bin
T ?= tests
# Files run side by side, on the same servers: most tests wait for some process most of their time.
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

help:  ## say what one can make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ready-run  ## start everything on this machine; Ctrl-C stops it
	@$(BIN)/framelog up

dev: ready-test  ## the same, and the API restarts when its source changes
	@$(BIN)/framelog up --reload

stop:  ## stop what `make run` started here
	@test ! -x $(BIN)/framelog || $(BIN)/framelog stop

test: ready-test  ## run the tests on real servers of their own (T=tests/deploy for a part)
	@$(if $(filter tests,$(T)),$(BIN)/python -m tests.servers $(BIN)/pytest $(AT_ONCE),$(BIN)/pytest) $(T)

coverage: ready-test  ## run the tests, then say which branches they missed, child processes included
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(T); code=$$?; $(BIN)/coverage combine --quiet; \
	  $(BIN)/coverage report --skip-covered --show-missing; exit $$code

faults: ready-test  ## kill, freeze, cut and fill everything, and check what was promised (D=drill,… S=seed)
	@FRAMELOG_TEST_DRILLS=$(or $(D),all) FRAMELOG_TEST_DRILL_SEED=$(S) \
	  $(BIN)/pytest -q --no-header tests/faults$(if $(D),/test_drills.py)
	@$(if $(D),,FRAMELOG_TEST_DRILLS=all $(BIN)/pytest -q --no-header -m long tests)

check: ready-check  ## lint, types, direction of imports, generated files
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m contracts.generate --check
	@$(BIN)/python -m deploy.local.env_example --check
	@$(BIN)/python -m deploy.monitoring.dashboard --check

k8s: ready-check  ## render the Kubernetes manifests, and hold them to Kubernetes, to linters and to the code; Prometheus's rules too
	@$(BIN)/python -m deploy.k8s.check
	@$(BIN)/python -m deploy.monitoring.check
	@$(BIN)/pytest -q --no-header tests/k8s

fmt: ready-check  ## format, and write the generated files anew
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet
	@$(BIN)/python -m contracts.generate
	@$(BIN)/python -m deploy.local.env_example
	@$(BIN)/python -m deploy.monitoring.dashboard

lock:  ## pin what pyproject.toml asks for, with hashes
	@$(PYTHON) -m deploy.local.lock

demo: ready-run  ## fill the running stack with two people, pictures, posts, likes and jobs
	@$(BIN)/python -m examples.demo

psql: ready-run  ## look into the read model with psql
	@$(BIN)/python -m deploy.local.psql

watched: ready-run  ## load a stack of its own, watched by a real Prometheus, and kill its projector (N=uploads)
	@$(BIN)/python -m deploy.monitoring.drill $(if $(N),--uploads $(N))

bench: ready-test  ## measure, and print the table of docs/benchmarks.md
	@$(BIN)/python -m benchmarks

# Tools named before anything slow, then what is missing, side by side; nothing if all of it stands.
ready-run ready-test ready-check: ready-%:
	@$(PYTHON) -m deploy.local.setup $*

.PHONY: help run dev stop test coverage faults check k8s fmt lock demo psql watched bench ready-run ready-test ready-check
