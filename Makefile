# Every target first makes .venv when it is missing or stale. `make run` starts Gatepost, `make check` checks it.
PYTHON := .venv/bin/python
# One test more at once than two processors can run: many wait for other processes. In the order of tests/conftest.py.
AT_ONCE := -n 3 --dist loadgroup --no-loadscope-reorder
APPS := config mailboxes messaging oversight billing

# What `manage.py check --deploy` sees: a production that is set up as the README says.
PRODUCTION := env -u DEBUG -u TESTING -u FAULTPOINTS -u DJANGO_SETTINGS_MODULE \
	SECRET_KEY=zX8nQ2vLr7TpYw4KfHs9JdBmGc3EaU6RtNoViZkWq1PxSeMlCj5yAuFbDhOg0I \
	DATABASE_URL=postgresql://gatepost@127.0.0.1:9/gatepost \
	DATABASE_ADMIN_URL=postgresql://gatepost_owner@127.0.0.1:9/gatepost \
	REDIS_URL=redis://127.0.0.1:9/0 \
	PUBLIC_URL=https://gatepost.example PLATFORM_DOMAIN=agents.example ADMIN_REQUIRES_MFA=1

.PHONY: help environment run check lint test bench chaos fuzz-api chromium fmt lock clean

help:  ## what there is to make
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' Makefile | expand -t 12

environment:
	@config/environment.sh

run: environment  ## start everything: web, worker, beat, smtp listener, embedded database and broker
	@exec $(PYTHON) manage.py up

check: environment lint chromium  ## all checks, cheapest first
	$(PYTHON) -m pytest $(AT_ONCE)

lint: environment  ## all checks but the tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m djlint --lint --quiet templates
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(PYTHON) -m mypy
	$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING
	$(PRODUCTION) $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

test: environment  ## the tests; ONLY=tests/mailboxes for a part of them
	$(PYTHON) -m pytest $(if $(ONLY),$(ONLY),$(AT_ONCE))

bench: environment  ## the measurements; ONLY=tests/bench/bench_drain.py for one (not part of check)
	@tests/bench/environment.sh
	@tests/postfix.sh
	DURABLE=1 $(PYTHON) -m pytest -p no:randomly --override-ini "python_files=bench_*.py" --quiet -s $(or $(ONLY),tests/bench)

chaos: environment  ## everything is broken on purpose, at length; ONLY="tests/chaos/test_crash.py -k smtp.after_dot-kill"
	@tests/postfix.sh
	DURABLE=1 $(PYTHON) -m pytest -p no:randomly -m chaos --quiet $(or $(ONLY),tests)

fuzz-api: environment  ## hundreds of examples for each operation of /v1, by every check of schemathesis
	$(PYTHON) -m pytest -p no:randomly -m chaos --quiet tests/fuzz

chromium:
	@config/chromium.sh

fmt: environment  ## format and repair what a machine can
	$(PYTHON) -m ruff check --fix-only --quiet .
	$(PYTHON) -m ruff format .

lock: environment  ## requirements.in -> requirements.txt (hashes, no addresses)
	$(PYTHON) -m uv --version >/dev/null 2>&1 || $(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		requirements.in --output-file requirements.txt
	$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		tests/bench/requirements.in --output-file tests/bench/requirements.txt

clean:  ## remove .venv and caches; your data in var/ stays
	rm -rf .venv .venv-bench .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
