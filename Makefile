# Everything runs in .venv, which is built when it is missing or when what it is built from has changed.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --prefer-binary

# of tests/model, what holds a TensorFlow to account in two minutes; all of it: make tfio-test TFIO_TESTS=tests/model
TFIO_TESTS := tests/model/test_tfio_reading.py tests/model/test_graphs.py tests/model/test_vad.py tests/model/test_saved_model.py \
  tests/transforms/test_training_clips.py::test_in_graph_rows_become_the_same_clips \
  tests/transforms/test_training_clips.py::test_in_graph_what_it_cannot_read_is_refused \
  $(filter-out %_alignment.py %_bias.py %_sampling.py,$(wildcard tests/model/test_whisper_[!r]*.py))

.DELETE_ON_ERROR:
.PHONY: help demo test cluster-test tfio-test lint samples servers

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/make \1\t/p' Makefile | expand -t 20

demo: .venv/installed  ## transcribe samples/ into out/ and print the transcripts
	$(BIN)/beamscribe transcribe --input samples --output out
	$(BIN)/beamscribe show out

test: .venv/installed-test servers  ## run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --ignore tests/cluster

cluster-test: .venv/installed-test .venv/servers/swift .venv/servers/flink .venv/servers/prism  ## run the main job on real runners
	$(BIN)/python -m pytest tests/cluster

tfio-test: .venv/servers/tfio  ## run the tests of reading in the graph, on the oldest supported TensorFlow
	if test -x $</bin/python; then BEAMSCRIBE_TFIO=1 $</bin/python -m pytest $(TFIO_TESTS); \
	else test -z "$$BEAMSCRIBE_REQUIRE_ALL"; fi

lint: .venv/installed-test  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

servers: .venv/servers/swift .venv/servers/azurite .venv/servers/airflow .venv/servers/flink .venv/servers/prism .venv/servers/kenlm  ## install what the tests run against

samples: .venv/installed  ## synthesise the clips of samples/ again (needs flite)
	$(BIN)/python samples/make.py

.venv/installed: requirements.txt setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo '$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-test: .venv/installed requirements-test.txt
	$(PIP) -r requirements-test.txt
	@touch $@

# in environments of their own: Swift's libraries change how sockets and threads work, Airflow pins many others
.venv/servers/swift: tests/stores/swift.txt
.venv/servers/airflow: tests/airflow.txt
.venv/servers/swift .venv/servers/airflow: | .venv/installed-test
	rm -rf $@
	$(PYTHON) -m venv $@ && $@/bin/python -m pip --quiet --disable-pip-version-check install -r $< || { rm -rf $@; exit 1; }
	@touch $@

# TensorFlow 2.17 with tensorflow-io, which has no wheels above Python 3.12
.venv/servers/tfio: requirements-tfio.txt | .venv/installed
	rm -rf $@
	if $(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then \
	  $(PYTHON) -m venv $@ && $@/bin/python -m pip --quiet --disable-pip-version-check install --prefer-binary -r $< || { rm -rf $@; exit 1; }; \
	else mkdir -p $@; echo 'tensorflow-io needs Python 3.11 or 3.12: its tests are left out' >&2; fi
	@touch $@

.venv/servers/azurite: tests/stores/azurite/package-lock.json | .venv/installed-test
	rm -rf $@
	if command -v npm >/dev/null; then \
	  mkdir -p $@ && cp $(<D)/package.json $< $@/ && \
	  npm ci --prefix $@ --omit=dev --ignore-scripts --no-audit --no-fund --silent || { rm -rf $@; exit 1; }; \
	  touch $@; \
	else echo 'npm is not installed: the tests with Azure are left out' >&2; fi

# Beam's job server for Flink, made by Maven of what Maven Central has; Flink's own jars from its package on PyPI
.venv/servers/flink: tests/cluster/flink.txt tests/cluster/job_server/pom.xml | .venv/installed-test
	rm -rf $@
	if command -v mvn >/dev/null; then \
	  $(PIP) --no-deps --target $@ -r $< && \
	  mvn --batch-mode --quiet --file tests/cluster/job_server/pom.xml -Doutput=$(CURDIR)/$@/jar package || { rm -rf $@; exit 1; }; \
	  touch $@; \
	else echo 'Maven is not installed: the tests on Flink are left out' >&2; fi

# compiled on installation
.venv/servers/kenlm: tests/kenlm.txt | .venv/installed-test
	if command -v cmake >/dev/null && command -v c++ >/dev/null; then \
	  mkdir -p $(@D) && $(PIP) -r $< && touch $@; \
	else echo 'cmake and a C++ compiler are not installed: the tests with KenLM are left out' >&2; fi

# Beam's own portable runner, built by Go at the version of the pipeline's Beam
.venv/servers/prism: requirements.txt | .venv/installed-test
	version=$$($(BIN)/python -c 'import apache_beam; print(apache_beam.__version__)'); \
	if command -v go >/dev/null; then \
	  mkdir -p $(@D) && GOBIN=$(CURDIR)/$(@D) go install github.com/apache/beam/sdks/v2/go/cmd/prism@v$$version && touch $@; \
	else echo 'Go is not installed: the tests on Prism are left out' >&2; fi
