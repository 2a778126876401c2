# Everything a contributor types. `make` alone lists it.
#
# Kubernetes is compiled from source here (see hack/tool). Go's own default flags are used
# everywhere, so that plain `go test`, editors and this file share one build cache: any other flag
# (-trimpath, -race, CGO_ENABLED) would compile all of it a second time.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules --no-print-directory

export GOWORK := off

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Builds of the images: which architectures (all), more options of "go run ./images build -h", and
# whether a push moves the tag latest.
IMAGE_ARCHS  ?=
IMAGE_FLAGS  ?=
IMAGE_LATEST ?= false
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the commands into bin/
	@mkdir -p bin
	for command in cmd/*/; do
		go build -ldflags '$(LDFLAGS)' -o bin/ "./$$command"
	done

.PHONY: test
test: ## Run every test (the first run compiles Kubernetes: about 6 minutes on two cores)
	@hack/test

.PHONY: race
race: ## Run the unit tests with the race detector (needs a C compiler)
	@CGO_ENABLED=1 go test -race ./api/... ./internal/...

.PHONY: fuzz
fuzz: ## Fuzz what reads the work of others (FUZZTIME=10s each, FUZZJOBS=2 at a time)
	@hack/fuzz

.PHONY: bench
bench: ## Measure the operator against the same typed by hand (BENCH_RUNS=3, a quarter of an hour)
	@hack/bench

.PHONY: bench-scale
bench-scale: ## Measure a manager of 10,000 stacks (SCALE_OBJECTS=1000 SCALE_MINUTES=2 for a quick look)
	@hack/bench-scale

.PHONY: kill-loop
kill-loop: ## Kill the manager 200 times at random moments, and count what must not happen (KILL_LOOP=200)
	@hack/kill-loop

.PHONY: e2e-cluster
e2e-cluster: ## Try it on a Kubernetes cluster of its own, with real pods (root; KEEP=1 leaves it up; E2E_KILLS=200)
	@hack/e2e-cluster

.PHONY: lint
lint: ## Check style, import rules and common mistakes
	@lint=$$(hack/tool golangci-lint)
	"$$lint" run ./...
	(cd demo && "$$lint" run ./...)
	(cd images && "$$lint" run --build-tags built ./...)

.PHONY: generate
generate: ## Generate deep copies, the CRD, RBAC, the API reference and what the chart has of them
	@hack/generate

.PHONY: verify-generated
verify-generated: ## Check that what is generated is what is committed
	@hack/verify-generated

.PHONY: chart
chart: ## Package the Helm chart into dist/
	@mkdir -p dist
	version=$(VERSION); version=$${version#v}
	[[ $$version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || version=0.0.0-g$$version
	"$$(hack/tool helm)" package charts/awscdk-operator --destination dist --version "$$version" --app-version "$$version"

.PHONY: cli-dist
cli-dist: ## Build kubectl-cdk for all platforms into dist/, with krew's manifest (CLI_PLATFORMS='linux/amd64', CLI_URL=…)
	@VERSION='$(VERSION)' hack/cli-dist

.PHONY: demo
demo: build ## Watch a CDK app be deployed, changed, approved, drifted and destroyed, on this machine alone
	@mkdir -p bin
	echo "Building the demo (the first time compiles a Kubernetes API server: some minutes) ..." >&2
	(cd demo && go build -o ../bin/ ./cmd/demo ./cmd/localaws)
	exec bin/demo -operator bin/awscdk-operator -app demo/app

.PHONY: images-lock
images-lock: ## Choose the packages of the images anew (needs apt and npm), and write images/packages.lock.json
	@cd images && go run . lock

.PHONY: images
images: ## Build both container images into dist/images (IMAGE_ARCHS='amd64 arm64'), without a daemon
	@cd images
	go run . build -version '$(VERSION)' -archs '$(IMAGE_ARCHS)' -revision "$$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || true)" \
		-created "$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || true)}" $(IMAGE_FLAGS)

.PHONY: images-test
images-test: images ## Build the images and run every tool of them, as their user (needs Linux; best as root)
	@cd images && go test -count=1 -tags built ./internal/built

.PHONY: image-push
image-push: ## Push what "make images" built: REGISTRY=registry.example.com/team (IMAGE_LATEST=true tags it latest, too)
	@cd images && go run . push -registry '$(REGISTRY)' -latest=$(IMAGE_LATEST)

.PHONY: clean
clean: ## Remove what was built (keeps the compiled tools)
	@rm -rf bin dist demo/app/cdk.out demo/app/node_modules
