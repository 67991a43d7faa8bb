# make setup    builds .venv with everything; instant when nothing changed
# make demo     the simulated Sawyer reaches goal pictures; report in runs/demo
# make test     all tests             make lint    ruff and mypy
# make test-extras   installs Ray, Stable-Baselines3 and Rerun and tests what needs them
# make docs     the documentation as a site, offline: build/docs/index.html
# make bench    this machine's figures into runs/bench
# PYTHON=python3.12 chooses the interpreter; PIP_FLAGS goes to pip install.

PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
PYTEST_FLAGS ?=
DEMO_FLAGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
EXTRAS := ros,sim,train,data,dev,docs
GL_PACKAGES := libegl1 libgl1-mesa-dri
BROWSER := chromium
CAN_DRAW := $(BIN)/python -c 'import sys; from rig_ros.cli import checks; sys.exit(not next(checks.drawing()).ok)'

.PHONY: setup demo test test-extras lint docs bench clean

# Installs Debian packages (1) where that is allowed; else says what is missing without them (2).
define apt
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	else \
	  echo '$(2): sudo apt-get install $(1)' >&2; \
	fi
endef

setup: $(STAMP)

$(STAMP): setup.py setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make setup PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c constraints.txt -e '.[$(EXTRAS)]'
	@$(CAN_DRAW) || { $(call apt,$(GL_PACKAGES),The simulation cannot draw here); }
	@command -v $(BROWSER) >/dev/null || { $(call apt,$(BROWSER),The page is not tested in a browser here); } || \
	  echo 'No browser could be installed; the tests that need one are skipped' >&2
	@touch $@

demo: setup
	$(BIN)/rig_ros demo $(DEMO_FLAGS)

# What only computes runs two at a time; what watches clocks, processes and browsers runs alone.
test: setup
	@failed=0; \
	$(BIN)/python -m pytest -n 2 --dist loadfile -m computes $(PYTEST_FLAGS) || failed=1; \
	$(BIN)/python -m pytest -m 'not computes' $(PYTEST_FLAGS) || failed=1; \
	exit $$failed

test-extras: setup
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c constraints.txt -e '.[$(EXTRAS),sweep,compare,view]'
	$(BIN)/python -m pytest -m extras $(PYTEST_FLAGS)

lint: setup
	$(BIN)/ruff check src test launch setup.py
	$(BIN)/mypy

docs: setup
	$(BIN)/python -m sphinx -c doc -b html -d build/doctrees -W --keep-going -q . build/docs
	@echo 'docs: build/docs/index.html'

bench: setup
	$(BIN)/rig_ros bench sim --json runs/bench/sim.json
	$(BIN)/rig_ros bench updates --json runs/bench/updates.json
	$(BIN)/rig_ros bench latency --json runs/bench/latency.json

clean:
	rm -rf $(VENV) build dist install log src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
