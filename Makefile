# The verbs of this repository. `make help` lists them.

BINARY := .build/release/wsrelay
# The binary that is shipped: no Swift library needed at run time, nothing looked for in the folder it
# lies in, and nothing left to relocate lazily.
BUILD := swift build -c release --static-swift-stdlib --disable-local-rpath \
  -Xlinker -z -Xlinker now --product

.DEFAULT_GOAL := help

run: ## build, and relay on 127.0.0.1:8080 with the built-in defaults
	@scripts/deps build
	$(BUILD) wsrelay
	$(BINARY) serve

test: ## lint, unit, simulation and integration tests, thread sanitizer (about 6 minutes when cold)
	@scripts/deps build test browser
	@scripts/test lint unit integration tsan

check: ## everything CI runs: test, conformance, the hot path's disassembly
	@.ci/run

build: ## the release binaries, in .build/release
	@scripts/deps build
	$(BUILD) wsrelay
	$(BUILD) wsrelay-bench

integration: ## the built daemon with clients nobody here wrote; TESTS='-k drain' narrows it
	@scripts/deps build test browser
	@scripts/test integration

fuzz: ## each fuzzer for FUZZ_SECONDS=60; FUZZ='--keep' adds to the corpora, FUZZ_TARGETS= narrows it
	@scripts/deps build
	Tests/Fuzzing/run $(FUZZ) $(or $(FUZZ_SECONDS),60) $(FUZZ_TARGETS)

journal: ## the records as a real journald keeps them (needs root)
	@scripts/deps build test
	@scripts/test journal

attack: ## bad clients beside well-behaved ones: a table of who got what (6 minutes)
	@scripts/deps build test bench
	@scripts/test attack

coverage: ## how many lines of WebSocketProtocol its tests and the core's run
	@scripts/deps build
	@scripts/test coverage

autobahn: ## the Autobahn conformance suite, sections 1-7, 9, 10 (90 seconds)
	@scripts/deps build test
	@scripts/test conformance

autobahn-full: ## all 517 cases (40 minutes)
	@scripts/deps build test
	@scripts/test conformance-full

hot-path: ## the data path's disassembly: no reference counts, no allocation
	@scripts/deps build
	@scripts/test hot-path

instructions: ## instructions for a message, against those recorded; RECORD=1 records them
	@scripts/deps build bench
	$(BUILD) wsrelay
	Benchmarks/instructions $(if $(RECORD),--record) $(BINARY)

bench: ## server CPU per message against the kernel's floor (10 minutes); BENCH= more arguments
	@scripts/deps build bench
	$(BUILD) wsrelay
	@$(MAKE) --no-print-directory -C Benchmarks
	Benchmarks/compare.py --bars $(BENCH) floor='Benchmarks/build/floor PORT' \
	  wsrelay='$(BINARY) serve --config config/wsrelay.conf --listen 127.0.0.1:PORT'

scale: ## how costs grow: connections, members, channels, workers, time (8 minutes)
	@scripts/deps build bench
	$(BUILD) wsrelay
	@$(MAKE) --no-print-directory -C Benchmarks
	Benchmarks/scale.py

bench-clients: ## wsrelay-bench against wsload (9 minutes)
	@scripts/deps build bench
	$(BUILD) wsrelay-bench
	@$(MAKE) --no-print-directory -C Benchmarks
	Benchmarks/clients.py

bench-peers: ## other servers beside wsrelay, those that are installed (10 minutes)
	@scripts/deps build bench
	$(BUILD) wsrelay
	$(BUILD) wsrelay-bench
	python3 -m venv Benchmarks/build/venv
	Benchmarks/build/venv/bin/pip install --quiet --requirement Benchmarks/peers/requirements.txt
	Benchmarks/peers.py

lint: ## format and style of Swift, scripts and Python
	@scripts/deps test
	@scripts/test lint

format: ## rewrite Swift and Python in the project's style
	swift format --in-place --parallel --recursive Sources Tests Package.swift
	@scripts/venv
	.venv/bin/ruff format --quiet $$(scripts/sources python)

system: ## the package in a booted machine: install, reload, restart, purge (needs root)
	@scripts/deps build test package system
	@scripts/test system

clean: ## remove what was built
	rm -rf .build .build-tsan .build-fuzz .build-coverage .venv Benchmarks/build Tests/Autobahn/build build

help: ## this list
	@sed -nE 's/^([a-z-]+):[a-z -]* ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: run test check build integration fuzz journal attack coverage autobahn autobahn-full \
  hot-path bench bench-clients bench-peers lint format system clean help

include packaging/install.mk
