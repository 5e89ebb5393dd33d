# `make demo` and `make test` set up all they need by themselves: Python packages go into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# what VTK needs of Debian: an EGL library, Mesa behind it, X11 and fonts that it links to
DRAWING := libegl1 libgl1 libgl1-mesa-dri libxrender1 libxext6 libsm6 libxt6 fontconfig
# what Qt links to
QT := libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0
# a validator of DICOM, an archive and programs that send to it, a reader of PDF, a browser and what the program that
# drives it links to, hosts of our own
TESTING := dicom3tools orthanc orthanc-dicomweb dcmtk openssl poppler-utils chromium libatomic1 procps iproute2
SAMPLE := Resources/SampleData/cmb-sample_T2starw.nii.gz

.PHONY: demo web test tests soak lint benchmark pictures ohif keys lock clean python-packages debian-packages
.DELETE_ON_ERROR:

demo: $(VENV)/.ready-demo
	$(BIN)/cmb detect $(SAMPLE) -o out/demo --overwrite

web: $(VENV)/.ready-web
	$(BIN)/cmb web $(SCAN)

# Four processes with one thread each, as two of them mostly wait (for pages, nodes and workers); they share the files,
# the longest first (conftest.py). Qt's panels in processes of their own: the stand-ins for Slicer's modules must not
# meet the real ones, and a fault of Qt's takes no other test with it. Linters run beside the tests. What is compiled
# is kept, also where PYTHONDONTWRITEBYTECODE is set: the tests start hundreds of processes.
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1
test: export TF_NUM_INTRAOP_THREADS := 1
test: export TF_NUM_INTEROP_THREADS := 1
test: export ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS := 1
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.ready-test
	$(MAKE) --no-print-directory --jobs 2 tests lint

tests: $(VENV)/.ready-test
	$(BIN)/python -m pytest --numprocesses 4 --dist loadgroup --no-loadscope-reorder --ignore-glob='*/test_panel_*.py'
	$(BIN)/python -m pytest --numprocesses 2 --dist load Testing/test_panel_*.py

# What is long by nature: tests marked so, property tests with a hundred times the examples, a thousand scans.
soak: $(VENV)/.ready-test
	CMB_SOAK=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m 'soak or hypothesis' --timeout 7200
	$(BIN)/python Testing/thousand_scans.py

lint: $(VENV)/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=CMBSegmentation:CMBScribbleGrow:.:training $(BIN)/lint-imports --no-cache

benchmark: $(VENV)/.ready-test
	$(BIN)/python Testing/benchmark.py

# The page, the report and the panels, as the README and Docs/ show them.
pictures: $(VENV)/.ready-test
	$(BIN)/python Testing/pictures.py
	CMB_PICTURES=Resources/Screenshots $(BIN)/python -m pytest --numprocesses 2 --dist load Testing/test_panel_*.py

# The sample's results in OHIF, a viewer of others: needs Orthanc and npm, and says so.
ohif: $(VENV)/.ready-test
	$(BIN)/python Testing/picture_ohif.py

# The table of keys in Docs/, from the one that page and panels use.
keys: $(VENV)/.ready-demo
	$(BIN)/python -c 'from CMBSegmentationLib.vocabulary.keys import as_markdown; print(as_markdown(), end="")' > Docs/keys.md

# The lock files, after a change of pyproject.toml; it asks the network.
lock: | $(BIN)/python
	$(PIP) uv
	$(BIN)/python requirements/lock.py

# Debian's and Ubuntu's python3 comes without venv: install it where that is allowed, else say how.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	    { echo "Python 3.10 to 3.13 is needed; give one with: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "Installing python3-venv"; \
	    SUDO=; [ "$$(id -u)" = 0 ] || SUDO="sudo -n"; \
	    { $$SUDO apt-get update -qq && $$SUDO apt-get install -qq -y python3-venv; } || \
	    { echo "Please install the package python3-venv and call make again."; exit 2; }; }
	$(PYTHON) -m venv $(VENV)

# Set up the Python packages of requirements/$(1).txt and packages of Debian or Ubuntu, $(2), side by side.
define install
	@$(MAKE) --no-print-directory --jobs 2 python-packages debian-packages LOCK='$(1)' DEBIAN='$(2)'
endef

# By their hashes, nothing else; then the program itself. uv needs a third of pip's time; where it cannot be had, or
# reaches no index, pip does it.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED = --require-hashes --no-deps --requirement requirements/$(LOCK).txt
python-packages: | $(BIN)/python
	@$(PIP) uv && $(BIN)/uv pip install --quiet --python $(BIN)/python $(LOCKED) || \
	    { $(PIP) --upgrade pip && $(PIP) $(LOCKED); }
	@$(PIP) --no-build-isolation --no-deps --editable .

# Where one is missing.
debian-packages:
	@[ -z "$(DEBIAN)" ] || dpkg -s $(DEBIAN) >/dev/null 2>&1 || { \
	    echo "Installing $(DEBIAN)"; \
	    SUDO=; [ "$$(id -u)" = 0 ] || SUDO="sudo -n"; \
	    { $$SUDO apt-get update -qq; $$SUDO apt-get install -qq -y $(DEBIAN); } >/dev/null 2>&1 || \
	    echo "Please install these packages: $(DEBIAN)"; }

$(VENV)/.ready-demo: pyproject.toml requirements/base.txt | $(BIN)/python
	@echo "Setting up Python packages in $(VENV) (once, about a minute)"
	$(call install,base,)
	@touch $@

$(VENV)/.ready-web: pyproject.toml requirements/web.txt | $(BIN)/python
	@echo "Setting up Python packages for the page in $(VENV) (once, two minutes)"
	$(call install,web,$(DRAWING))
	@touch $@ $(VENV)/.ready-demo

$(VENV)/.ready-test: pyproject.toml requirements/dev.txt | $(BIN)/python
	@echo "Setting up Python packages for tests in $(VENV) (once, a few minutes)"
	$(call install,dev,$(DRAWING) $(QT) $(TESTING))
	@touch $@ $(VENV)/.ready-demo $(VENV)/.ready-web

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache
