# Plain names for what tools/ does. `make help` lists them.

BUILD := build/release

.PHONY: build demo test test-big fuzz bench install clean format lint setup help

build: ## the command and the library, build/release (the default)
	@tools/setup build
	@cmake --preset release -DSTAVE_TESTS=OFF >/dev/null
	@cmake --build $(BUILD)

demo: ## build, then watch an image being made from nothing and run by podman; ALPINE=FILE takes an Alpine tarball as base
	@tools/setup demo
	@$(MAKE) --no-print-directory build
	@ALPINE='$(ALPINE)' tools/demo

test: ## build and run all tests; the last line is their sum
	@tools/run-tests

test-big: ## the tests that need minutes or gigabytes, all of them under ASan and UBSan, the benchmarks in small
	@HOSTILE_VERBS=all tools/run-tests --unit none --e2e tests/e2e-big tests/e2e/hostile.bats
	@tools/run-tests --preset asan
	@$(MAKE) --no-print-directory bench SHORT=1

fuzz: ## every fuzzer for SECONDS (60)
	@tools/setup quality
	@tools/run-fuzzers $(or $(SECONDS),60)

bench: ## what the parts take, then stave beside its peers: half an hour; SHORT=1 only sees that all of it works
	@tools/setup bench
	@cmake --preset release -DSTAVE_BENCH=ON >/dev/null
	@cmake --build $(BUILD) --target stave bench_parts
ifdef SHORT
	@$(BUILD)/bench_parts --benchmark_min_time=0
	@bench/compare --short
	@bench/growth --short
else
	@$(BUILD)/bench_parts
	@bench/compare --rootfs build/bench/rootfs.tar --json build/bench/compare.json --svg build/bench/compare.svg
endif

install: build ## into DESTDIR and PREFIX (/usr/local)
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix '$(or $(PREFIX),/usr/local)'

clean: ## remove build/
	rm -rf build

format: ## clang-format 19, in place
	@tools/lint reformat

lint: ## floors, format, clang-tidy 19
	@tools/lint
	@tools/lint tidy

setup: ## install every Debian package that any of these needs
	@tools/setup

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
