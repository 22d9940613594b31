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

test-big: ## the tests that need minutes or gigabytes
	@tools/run-tests --unit none --e2e tests/e2e-big

fuzz: ## every fuzzer for SECONDS (60)
	@tools/setup quality
	@tools/run-fuzzers $(or $(SECONDS),60)

bench: ## benchmarks
	@tools/setup test
	@cmake --preset release -DSTAVE_TESTS=ON >/dev/null
	@cmake --build $(BUILD)
	@for program in $(BUILD)/bench_*; do [ ! -x "$$program" ] || "$$program"; done

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
