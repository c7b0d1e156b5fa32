# `make` prints what there is.
SHELL := /bin/sh
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install --no-deps

# What the owner may set on the command line.
ENGINE ?= yunet-sface
FACE ?= on
HEADLESS ?= 0
CAMERA ?=
KILLS ?= 100
CYCLES ?= 100000
NIGHTS ?= 1000
SEED ?= 1
CUTS ?= 600
MUTATIONS ?= 100000
COMMANDS ?= 1000
FROM ?= aefb3da
DATASET ?= tiny
DAYS ?=
OUT ?= run/synth
SUBMISSIONS ?= 1000
SECONDS ?= 1200
FACES ?= ../shared/faces
# Suites side by side: most of a test with real programs is waiting for them.  What is marked `alone` has the machine to itself.
WORKERS ?= 2
SUITES := $(addprefix tests/,architecture unit invariants stories contract simulation integration fault browser)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-sync bench-passes bench-wiped accuracy fault powercut sim mutants cycles days drill \
        mutate-commands mutate-passes attempts scopes upgrade synth score api-fuzz import164k upstream bench-reconcile pictures clips web setup clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'
	@echo "  settings   ENGINE=yunet-sface|face_recognition  FACE=on|off  HEADLESS=1  CAMERA=0"

demo: $(VENV)/demo.stamp clips web $(if $(filter face_recognition,$(ENGINE)),$(VENV)/dlib.stamp) ## the evening at the gate: everything, on this machine, with real faces
	@ENGINE=$(ENGINE) FACE=$(FACE) HEADLESS=$(HEADLESS) CAMERA=$(CAMERA) $(BIN)/python -m demo

test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/dev.stamp clips web ## every suite this machine can run; as root on Debian it installs what it needs
	@sh tools/system_packages.sh
	$(BIN)/python -m compileall -q edge cloud_sync models demo sim
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" $(SUITES)
	$(BIN)/python -m pytest -m alone $$(grep -rl --include='test_*.py' 'mark\.alone' tests)

check: $(VENV)/dev.stamp ## format, lint, types, arrows, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/cog --check -P $$(grep -rl '\[\[\[cog' README.md ARCHITECTURE.md docs)

bench: $(VENV)/dev.stamp clips ## measure: the face path beside face_recognition, face and code to lock, sink, the loop, memory
	$(BIN)/python -m bench

bench-sync: $(VENV)/dev.stamp ## durable events a second, SQLite and PostgreSQL, beside mosquitto_sub | sqlite-utils, and on a slower disk (some minutes)
	@$(BIN)/python -m bench.bench_sync

bench-passes: $(VENV)/dev.stamp ## from the call that revokes to the last of 51 nodes with 20,000 passes each
	@$(BIN)/python -m bench.bench_revocation

bench-wiped: $(VENV)/dev.stamp ## the service's database deleted under 51 nodes with 90 days in their ledgers
	@$(BIN)/python -m bench.bench_wiped

accuracy: $(VENV)/dev.stamp ## measure the face engines on photos of known people (FACES=../shared/faces)
	FACES="$(FACES)" OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests/accuracy/accuracy_of_the_share.py -s -o timeout=0

fault: $(VENV)/demo.stamp clips ## everything that software can break at a running community (KILLS=100 SEED=1), then count what is left
	@KILLS=$(KILLS) SEED=$(SEED) $(BIN)/python -m demo.fault

powercut: $(VENV)/dev.stamp ## cut the power at CUTS=600 places of ledger and database: what was promised is still there
	@CUTS=$(CUTS) SEED=$(SEED) $(BIN)/python -m demo.faults.powercut

sim: $(VENV)/dev.stamp ## nights of one gate with everything that goes wrong (NIGHTS=1000 SEED=1), every rule after every step
	@$(BIN)/python -m sim --nights $(NIGHTS) --seed $(SEED)

mutants: $(VENV)/dev.stamp ## deliberate faults, by hand and one for every row of the door's table: are they caught?
	@$(BIN)/python -m sim.mutants --seed $(SEED)

cycles: $(VENV)/dev.stamp ## one door, CYCLES=100000 passages: machine, ledger and lock must agree after each
	@$(BIN)/python -m sim.cycles --cycles $(CYCLES)

days: $(VENV)/dev.stamp ## five days of the reference site, one gate cut off for three: dashboard, metrics, watermark beside the truth
	@$(BIN)/python -m sim.days --seed $(SEED)

drill: $(VENV)/dev.stamp ## backup, everything lost, restore: counted against the gates' ledgers
	@$(BIN)/python -m sim.drill

mutate-commands: $(VENV)/dev.stamp ## bad commands that must do nothing, good ones through a dying broker (MUTATIONS=100000 COMMANDS=1000)
	@$(BIN)/python -m demo.mutate_commands --mutations $(MUTATIONS) --commands $(COMMANDS) --seed $(SEED)

mutate-passes: $(VENV)/dev.stamp ## altered heads, deltas and sets of passes that no node may take (MUTATIONS=100000)
	@$(BIN)/python -m demo.bad_passes --mutations $(MUTATIONS) --seed $(SEED)

attempts: $(VENV)/dev.stamp ## every way onto the bus that must not lead there, tried on mosquitto as shipped
	@$(BIN)/python -m tests.integration.bus_attempts

scopes: $(VENV)/dev.stamp ## ATTEMPTS=10000 SEED=1 drawn attempts at rows of another community, and every address by role and scope
	@ATTEMPTS=$(or $(ATTEMPTS),10000) SEED=$(SEED) $(BIN)/python -m pytest -n0 -q -s tests/unit/test_scopes.py

upgrade: $(VENV)/dev.stamp ## service and nodes updated in either order from an earlier commit (FROM=aefb3da)
	@$(BIN)/python -m demo.upgrade --from $(FROM)

synth: $(VENV)/demo.stamp ## a synthetic community, checked by a program of its own (DATASET=dongfang SEED=20210331 DAYS=90 OUT=run/synth)
	@$(BIN)/gatehouse-sync synth $(DATASET) --seed $(SEED) $(if $(DAYS),--days $(DAYS)) --out $(OUT)

score: $(VENV)/demo.stamp ## bookings, registrations, events through the service itself, found against the truth (DATASET=tiny SEED=20210331 DAYS=3)
	@$(BIN)/gatehouse-sync score $(DATASET) --seed $(SEED) $(if $(DAYS),--days $(DAYS))

api-fuzz: $(VENV)/dev.stamp ## schemathesis against the whole HTTP interface, by token and by session (SECONDS=1200 SEED=1)
	@$(BIN)/python -m tests.contract.api_fuzz --seconds $(SECONDS) --seed $(SEED)

import164k: $(VENV)/dev.stamp ## 164,253 household rows as communities write them, matched, against their labels
	@$(BIN)/python -m bench.bench_import --seed $(SEED)

upstream: $(VENV)/dev.stamp ## reports to recipients that drop, delay, double and reject (SUBMISSIONS=1000): each told once, or a person looks
	@$(BIN)/python -m bench.bench_upstream --submissions $(SUBMISSIONS) --seed $(SEED)

bench-reconcile: $(VENV)/dev.stamp ## what judging a stay, and everything, takes on SQLite and PostgreSQL (minutes)
	@$(BIN)/python -m bench.bench_reconcile

pictures: $(VENV)/dev.stamp web ## take the pictures of docs/pictures anew, by the browser suite
	@find docs/pictures -name '*.png' ! -name 'accuracy-*' ! -name 'liveness-*' -delete
	PICTURES=docs/pictures $(BIN)/python -m pytest -q tests/browser -k "not keyboard"

clips: .cache/clips/stamp ## bring the evening's faces (never committed)

web: cloud_sync/web/static/vendor/stamp ## bring the browser libraries (never committed)

setup: $(VENV)/demo.stamp clips web ## everything `make demo` needs, without playing it

clean: ## forget everything that was made here
	rm -rf $(VENV) .cache run cloud_sync/web/static/vendor node_modules *.egg-info

# --- how things come to be --------------------------------------------------------------------------------------

$(VENV)/made:
	@command -v $(PYTHON) >/dev/null || { echo "Gatehouse needs $(PYTHON) with its venv module: apt install python3.11 python3.11-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo.stamp: $(VENV)/made requirements/demo.txt pyproject.toml
	@echo "installing what the programs need (hash-locked) ..."
	@$(PIP) --require-hashes -r requirements/demo.txt
	@$(PIP) --no-build-isolation -e . 2>/dev/null
	@touch $@

$(VENV)/dlib.stamp: $(VENV)/demo.stamp requirements/dlib.txt
	@echo "installing face_recognition on the ready-built dlib (hash-locked) ..."
	@$(PIP) --require-hashes -r requirements/dlib.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/made requirements/dev.txt pyproject.toml
	@echo "installing what the programs and their tests need (hash-locked) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-build-isolation -e . 2>/dev/null
	@touch $@ $(VENV)/demo.stamp $(VENV)/dlib.stamp

.cache/clips/stamp: requirements/clips.txt tools/clips.py | $(VENV)/made
	@$(BIN)/python tools/clips.py .cache/clips
	@touch $@

cloud_sync/web/static/vendor/stamp: package-lock.json tools/web_assets.py | $(VENV)/made
	@$(BIN)/python tools/web_assets.py
	@touch $@
