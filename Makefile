.DEFAULT_GOAL := help
.PHONY: help setup demo up down status test test-kit test-service test-contract test-e2e chaos peers bench lint fmt fmt-check types arch \
        gazetteer proto proto-check proto-baseline events lock migration k8s-render image lock

bin := .venv/bin
LEADS ?= 1000
typed := libs/servicekit/servicekit libs/accesskit/accesskit libs/matchkit/matchkit auditor/auditor leadctl/leadctl $(patsubst %/__init__.py,%,$(wildcard services/*/*/__init__.py))

help: ## show this help
	@awk -F ':.*## ' '/^## /{printf "\n%s\n", substr($$0,4)} /^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Start
setup: ## virtual environment with every pinned dependency and all packages, editable
	@sh tools/setup.sh
demo: setup ## start everything, send LEADS=1000 deliveries, show where each one went
	@$(bin)/leadctl demo --leads $(LEADS)
up: setup ## start NATS, PostgreSQL and the services under .stack/
	@$(bin)/leadctl stack up
down: ## stop them
	@$(bin)/leadctl stack down
status: ## say what runs and where it listens
	@$(bin)/leadctl stack status

## Check
test: setup ## everything that is checked: lint, types, contracts, every test on real NATS and PostgreSQL
	@$(MAKE) -s -j 2 --output-sync=target lint proto-check
	@$(bin)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not e2e" && $(bin)/pytest -q -m e2e tests/e2e leadctl/tests/test_demo.py
test-kit: setup ## the kit's tests
	@$(bin)/pytest -q libs
test-service: setup ## one service's tests: make test-service s=identity
	@$(bin)/pytest -q services/$(s)
test-contract: setup ## the contracts between services
	@$(bin)/pytest -q tests/contract tests/architecture
test-e2e: setup ## the whole chain as separate processes
	@$(bin)/pytest -q tests/e2e
chaos: setup ## long: kills each service again and again under load; long forms of the tests that draw what happens
	@$(bin)/pytest -q tests/chaos
	@LEADCHAIN_THOROUGH=1 $(bin)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "(soak or hypothesis) and not e2e" libs services
peers: setup ## other people's matchers, which the bench is held against, in an environment of their own
	@$(bin)/uv venv -q --allow-existing --python $(bin)/python .venv-peers && $(bin)/uv pip sync -q --python .venv-peers/bin/python --require-hashes requirements-peers.lock
bench: setup ## measure the chain, the intake, permissions, identity, routing, assigning, timers and reminders, each figure beside a raw limit of the same run
	@for part in bench bench.normalising bench.channels bench.verifying bench.importing bench.decisions bench.checks bench.audit bench.revocation bench.matching bench.identity bench.resolving bench.unmerging bench.customer360 bench.routing bench.assigning bench.timers bench.reminders; do $(bin)/python -m $$part || exit 1; done
lint: setup fmt-check types arch ## everything that reads code without running it
fmt: setup ## format and repair
	@$(bin)/ruff format -q . && $(bin)/ruff check -q --fix . && $(bin)/buf format -w proto
fmt-check: setup
	@$(bin)/ruff format --check -q . && $(bin)/ruff check -q . && $(bin)/buf lint proto && $(bin)/buf format -d --exit-code proto && $(bin)/codespell -q 3
types: setup ## mypy --strict
	@$(bin)/mypy --no-error-summary $(typed) bench tools
arch: setup ## who may import whom
	@$(bin)/lint-imports > /dev/null || $(bin)/lint-imports

## Contracts
gazetteer: setup ## generate the tables of places and phone prefixes
	@$(bin)/python tools/generate_gazetteer.py
proto: setup ## generate libs/contracts from proto/
	@$(bin)/python tools/generate_contracts.py
proto-check: setup ## fail when the generated code or tables are stale
	@$(bin)/python tools/generate_contracts.py --check && $(bin)/python tools/generate_gazetteer.py --check
proto-baseline: setup ## accept today's contracts as the released ones
	@$(bin)/buf build proto -o tests/contract/baseline.binpb
events: setup ## refresh docs/events.md
	@$(bin)/python tools/document_events.py

## Data
migration: setup ## write a migration: make migration s=identity m="add a table"
	@$(bin)/python tools/migration.py $(s) "$(m)"

## Ship
image: ## build one service's image: make image s=identity
	@docker build -f deploy/docker/Dockerfile --build-arg SERVICE=$(s) -t leadchain/$(s) .
k8s-render: setup ## print an environment's manifests: make k8s-render o=production
	@$(bin)/kubectl kustomize deploy/k8s/overlays/$(o)
lock: ## renew requirements.lock
	@$(bin)/uv lock -q && $(bin)/uv export -q --format requirements-txt --all-groups --all-extras --no-emit-workspace --no-header -o requirements.lock
	@$(bin)/uv pip compile -q --upgrade --generate-hashes --no-header --no-annotate --python-version 3.11 requirements-peers.in -o requirements-peers.lock
