# Each target explains itself: `make help`.

SHELL := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO ?= go
FUZZTIME ?= 10s

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build, enter the histories, print three documents and serve until Ctrl-C
	@./daybook demo

.PHONY: build
build: ## Build ./daybook, one static binary
	@echo "building ./daybook (the first time takes a few minutes)"
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o daybook ./cmd/daybook

.PHONY: test
test: ## Run every test on SQLite and Postgres, with the race detector where a C compiler is there
	@GO="$(GO)" .ci/test

.PHONY: test-quick
test-quick: ## Run the tests without the race detector and without the slow ones
	@$(GO) test -short ./...

.PHONY: lint
lint: ## Check formatting, vet, and the module files
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w them):"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./...
	@$(GO) mod verify

.PHONY: fuzz-short
fuzz-short: ## Fuzz each parser for FUZZTIME (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -run '^$$' -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

.PHONY: golden
golden: ## Rewrite the golden documents; look at the difference before you keep it
	@$(GO) test ./reports -update
	@git --no-pager diff --stat -- reports

.PHONY: bench
bench: build ## Measure on this machine: ours, the raw limit, the ratio (SQLite; see daybook bench --help)
	@./daybook bench

.PHONY: clean
clean: ## Remove what building left behind; the data directory stays
	@rm -f daybook coverage.out
	@rm -rf daybook-out
