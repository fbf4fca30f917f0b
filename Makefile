# Each target is one script under tools/; none needs another to have been run before.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps build run test crash simulate bench lint format fuzz package clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

deps: ## install everything below needs (Debian 12; root or sudo; only what is missing)
	@tools/setup build run test lint bench
	@echo "deps   ready"

build: ## the program: build/virga
	@tools/setup build
	@tools/build release virga

run: ## build it and start a development server with examples/hello
	@tools/run

test: ## unit tests and fuzz targets under sanitizers, then the real program
	@tools/test

crash: ## sudden ends, power loss, damage, refusing disks at length; KILLS=N SEED=N TEST=name to choose
	@KILLS=$(KILLS) SEED=$(SEED) tools/crash $(TEST)

simulate: ## simulated time for long: SEEDS=1000 HOURS=4, or one seed again: SEED=17
	@tools/setup build test
	@tools/simulate "$(or $(SEEDS),1000)" "$(or $(HOURS),4)" "$(SEED)"

bench: ## measure against programs people know; OPTIONS='--rows NAME' for some
	@tools/setup build run bench
	@tools/build release virga virga-load virga-clients virga-sandbox-run virga-keepalive
	@python3 bench/run.py $(OPTIONS)

lint: ## layers, sizes, headers, words, error pages, format, clang-tidy
	@tools/setup build test lint
	@tools/lint/all

format: ## format every C++ file in place
	@tools/setup lint
	@git ls-files '*.cc' '*.h' | xargs clang-format-19 -i

fuzz: ## fuzz every parser; SECONDS_EACH=60 TARGET=name to choose
	@tools/setup build test
	@tools/fuzz "$(TARGET)" "$(or $(SECONDS_EACH),60)"

package: ## a Debian package: build/virga_VERSION_ARCH.deb
	@tools/setup build
	@tools/build release virga
	@packaging/build-deb build/virga build

clean: ## remove what was built (the compiler cache stays)
	@rm -rf build/release build/asan build/ctest build/virga build/*.log build/*.deb
