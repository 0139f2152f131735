# make lab         open the course in JupyterLab         (ARGS="--no-browser --port 8899" goes on to JupyterLab)
# make test        every test, and every notebook once   (ARGS="-k cost" goes on to pytest)
# make test-all    these and the slow ones: kills by the hundred
# make test-matrix the package's tests with the oldest versions, the newest, and Colab's (ARGS="lowest newest": these)
# make book        the lessons, executed, as a site in build/book/html   (ARGS="01 06": these lessons)
# make test-book   look at every page of it in a browser
# make notebooks   write notebooks/, exercises/ and solutions/ from source/
# make lock        pin the newest versions of the dependencies in requirements.lock
# make clean       remove the environment and whatever else was made; your own work is kept elsewhere
#
# Each works alone on a fresh clone: the environment in .venv is made when it is first needed.

PYTHON_HERE := .venv/bin/python

# An environment whose Python is gone (upgraded, moved) is no environment.
$(shell $(PYTHON_HERE) -c "" 2>/dev/null || rm -f .venv/ready)

lab: .venv/ready
	@$(PYTHON_HERE) -m effnet_course.cli lab $(ARGS)

test: .venv/ready
	@$(PYTHON_HERE) -m pytest -n 2 --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout 120 \
		tests notebooks exercises solutions $(ARGS)

notebooks: .venv/ready
	@$(PYTHON_HERE) -m effnet_course.cli release

test-all:
	@$(MAKE) --no-print-directory test ARGS="-m '' $(ARGS)"

test-matrix: .venv/ready
	@$(PYTHON_HERE) .ci/matrix $(ARGS)

book: .venv/ready
	@$(PYTHON_HERE) book/make_book.py $(ARGS)

test-book: build/book/html/index.html
	@build/book/venv/bin/python -m pytest -m book -p no:cacheprovider tests/test_book.py $(ARGS)

build/book/html/index.html:
	@$(MAKE) --no-print-directory book ARGS=

lock: .venv/ready
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--extra deploy --extra lab --extra test \
		--no-emit-index-url --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache

.venv/ready: requirements.lock pyproject.toml
	@sh .ci/environment

.PHONY: lab test test-all test-matrix book test-book notebooks lock clean
