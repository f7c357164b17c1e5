# Every target sets up what it needs and reuses it afterwards.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
INPUTS := pyproject.toml constraints.txt
WORKERS ?= 2

export HAYSTACK_TELEMETRY_ENABLED := false

.PHONY: demo test models lint conformance mutants acceptance docs docs-look page-look docs-serve notebooks postgres registries release-check format clean lock bench bench-quick bench-embeddings vectors tracers peers claims frameworks haystack soak serving ray catalog agents

# `make demo ARGS=--live` talks to the real gateway (needs REQUESTY_API_KEY).
demo: $(VENV)/.demo
	@$(BIN)/requesty-adapters demo $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

# Every chat model of the catalogue by every adapter; `make test` asks one of each kind.
models: $(VENV)/.dev
	EVERY_MODEL=1 $(BIN)/python -m pytest tests/models -n $(WORKERS) -q

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy integrations tests/support tests/house
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/generate_sync.py --check
	$(BIN)/python scripts/generate_stubs.py --check
	$(BIN)/python docs/generate_errors.py --check
	$(BIN)/python catalog/build.py --check
	$(BIN)/python docs/generate_profiles.py --check
	$(BIN)/python docs/generate_conformance.py --check
	$(BIN)/python docs/generate_features.py --check
	$(BIN)/python docs/generate_reference.py --check
	$(BIN)/python docs/generate_demo.py --check
	$(BIN)/python docs/generate_cli.py --check
	$(BIN)/python docs/generate_peers.py --check
	$(BIN)/python docs/promises.py --check

# Merge catalog/sources into the packaged snapshot and write what is generated from it.
catalog: $(VENV)/.dev
	$(BIN)/python catalog/build.py
	$(BIN)/python docs/generate_profiles.py

# Run the matrix and write its page.
conformance: $(VENV)/.dev
	CONFORMANCE_RESULTS=docs/conformance.json $(BIN)/python -m pytest tests/conformance -n $(WORKERS) -q
	$(BIN)/python docs/generate_conformance.py

# Delete one rule of the core after the other; each must turn a cell of the matrix red.
mutants: $(VENV)/.dev
	$(BIN)/python tests/conformance/mutants.py

# The documentation as a site in site/; a broken link or reference fails it.
docs: $(VENV)/.dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html is the home page"

# Every page of the site in headless Chromium, on a desk, on a phone and dark; pictures go to build/look/.
docs-look: docs
	@$(PIP) install -c constraints.txt playwright
	@$(BIN)/python docs/look.py

# The emulator's page of requests in the same browser; pictures go to build/look/emulator/.
page-look: $(VENV)/.dev
	@$(PIP) install -c constraints.txt playwright
	@$(BIN)/python -m pytest -n0 -q tests/emulator/test_page_in_browser.py $(ARGS)

docs-serve: $(VENV)/.dev
	@$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

# Run every notebook top to bottom against the emulator and keep its outputs; ARGS="NAME …" for some.
notebooks: $(VENV)/.dev
	@$(BIN)/python notebooks/run.py $(ARGS)

# The tests of ledgers on a PostgreSQL that is started for them on the loopback; skipped where there is none.
postgres: $(VENV)/.dev
	@$(BIN)/python tests/ledger/postgres.py $(ARGS)

# What the frameworks' registries want, with the addresses filled in: ARGS="--repository URL --documentation URL".
registries: $(VENV)/.dev
	@$(BIN)/python registries/render.py --out build/registries $(ARGS)

# Build the packages and try every extra alone, on every Python there is, at lowest, locked and latest releases.
# Some of it: ARGS="--python 3.12 --extra langchain --resolution lowest"; all options: ARGS=--help.
release-check: $(VENV)/.dev
	@$(PIP) install -c constraints.txt uv
	@$(BIN)/python -m tests.release.check $(ARGS)

# The vendor's npm package, and the openai, ai, @openai/agents and LangChain packages for JavaScript, against the emulator.
acceptance: $(VENV)/.dev
	@$(BIN)/python tests/acceptance/outside.py

# Coding agents from npm, set up by `configure`, complete a turn with a tool each; some of them: ARGS="codex opencode".
# ARGS=--write keeps what was tried for docs/applications.md.
agents: $(VENV)/.dev
	@$(BIN)/python tests/agents/run.py $(ARGS)

# The suites of other HTTP parsers against ours; their sources are downloaded by name.
vectors: $(VENV)/.dev
	@$(BIN)/python tests/vectors/run.py $(ARGS)

# What tracing packages of the OpenAI SDK record on our clients, against its own; ARGS=--write puts it into the page.
tracers: $(VENV)/.dev
	@$(BIN)/python tests/tracers/run.py $(ARGS)

# What the pages say of other packages, at their newest releases; ARGS=--write puts the results, dated, into the pages.
claims: $(VENV)/.dev
	@$(BIN)/python tests/peers/claims.py $(ARGS)

# The suites of the packages that ours stand in for, with ours in their place; ARGS=--quick for the part of seconds.
peers: $(VENV)/.dev
	@$(BIN)/python tests/peers/run.py $(ARGS)

# Other frameworks with our clients handed in, each in an environment of its own; ARGS=--write writes the page's table.
frameworks: $(VENV)/.dev
	@$(BIN)/python tests/frameworks/run.py $(ARGS)

# Haystack's provider packages as members of our chain, against servers that fail; its MCP tools in an agent.
haystack: $(VENV)/.dev
	@$(BIN)/python tests/haystack_packages/run.py

# Bulk work on a local Ray cluster, through kills; a part of it: ARGS=--quick; ten rounds: ARGS="--times 10".
ray: $(VENV)/.dev
	@$(BIN)/python tests/cluster/run.py $(ARGS)

# Three minutes of calls against a gateway that breaks at random; more: ARGS="--seeds 60 --seconds 9".
# Then the money of sixty seeds: what is booked and what is marked unknown is what the gateway worked for.
soak: $(VENV)/.dev
	@$(BIN)/python tests/soak/run.py $(ARGS)
	@$(BIN)/python tests/soak/ledger.py --seeds 60

# 1,000 jobs of every kind through every adapter, then 5,000 calls an adapter; less: ARGS="--jobs 100 --drivers core".
serving: $(VENV)/.dev
	@PYTHONPATH=integrations:. $(BIN)/python -m tests.serving.run $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Core, adapters, their frameworks' floors and the peers' classes, in one run; about two minutes.
bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/bench.py $(ARGS)

# Core against httpx and json by hand, as ratios from one run.
bench-quick: $(VENV)/.dev
	@$(BIN)/python benchmarks/quick.py

bench-embeddings: $(VENV)/.dev
	@$(BIN)/python benchmarks/bench_embeddings.py $(ARGS)

$(VENV)/.pip: $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "requesty-adapters needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade -c constraints.txt "pip>=25.1"
	@touch $@

$(VENV)/.demo: $(VENV)/.pip
	@echo "Setting up the demo environment (first run only) ..."
	@$(PIP) install -c constraints.txt -e ".[langchain,cli]"
	@touch $@

$(VENV)/.dev: $(VENV)/.pip
	@echo "Setting up the development environment (first run only) ..."
	@$(PIP) install -c constraints.txt -e ".[all]" --group dev
	@touch $@ $(VENV)/.demo

# Recompile the lock. It names packages and versions only, never where they come from.
lock: $(VENV)/.pip
	@$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --upgrade \
	  --no-header --no-emit-index-url --no-emit-find-links --no-annotate -q -o constraints.txt

clean:
	rm -rf $(VENV) build dist site .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
