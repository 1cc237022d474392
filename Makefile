# Python 3.11 or newer and make are all that has to be there; the rest is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS := 1
export MPLBACKEND := agg
# Names of folders are UTF-8, whatever the language of the system.
export PYTHONUTF8 := 1
IN_UTF8 := $(if $(filter UTF-8,$(shell locale charmap 2>/dev/null)),,LC_ALL=C.UTF-8)

.PHONY: book test kernel site-test check format notebooks serve lab bench clean

book: .venv/installed ## build the HTML book
	$(BIN)/python tools/running/build_book.py
	@echo "Open $(CURDIR)/_build/html/index.html"

test: .venv/installed ## unit tests, contracts, exercises, and every notebook against its stored outputs
	ATTENTION_BOOK_PROGRESS=$$(mktemp -u) $(BIN)/python -m pytest tests chapters --ignore tests/site -n 2 --dist loadscope --no-loadscope-reorder

kernel: _build/triton/3.9.0 ## the kernel for GPUs, in Triton's interpreter (290 MB to load, 1 GB in _build; Linux only)
	$(BIN)/python -m pytest tests/test_flash_kernel.py

_build/triton/3.9.0: | .venv/installed
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-deps --upgrade --target _build/triton triton==3.9.0
	@touch $@

site-test: book ## every page of the built book in a real browser (Chromium or Chrome; CHROME_PATH names one)
	$(BIN)/python -m pytest tests/site -n 2 -p no:cacheprovider

check: .venv/installed ## style of the code, spelling of the prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: .venv/installed ## put the code into the style that check wants, and write what follows from other files
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/python tools/content/readme_table.py
	$(BIN)/python tools/content/plain_markdown.py

notebooks: .venv/installed ## execute all chapters in place, keep text outputs, drop pictures
	$(BIN)/python tools/running/notebooks.py

serve: book ## build, then show the book on http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lab: .venv/installed ## open the chapters (or CHAPTER=part1/...) in JupyterLab, installed on first use
	$(BIN)/python -c "import jupyterlab" 2>/dev/null || $(BIN)/pip install "jupyterlab>=4.4,<5"
	$(BIN)/jupyter lab $(if $(CHAPTER),chapters/$(CHAPTER).ipynb,chapters)

bench: _build/bench/installed ## measure the modules and layers of others, and write what the book shows of it
	_build/bench/bin/python benchmarks/run.py --write chapters/benchmarks_measured.txt

clean: ## remove everything that was built, and the environment
	rm -rf .venv _build

# What the book needs lies in .venv; only the layers of others are installed beside it.
_build/bench/installed: .venv/installed benchmarks/requirements.txt
	$(BIN)/python -m venv --clear _build/bench
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' > "$$(_build/bench/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/book.pth"
	_build/bench/bin/python -m pip install --disable-pip-version-check --progress-bar off -r benchmarks/requirements.txt || echo "Not all could be installed; what is missing is left out."
	@touch $@

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"The book needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Name another with: make PYTHON=python3.11")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python cannot make environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@echo "Installing what the book needs into .venv: about a minute, 1.3 GB"
	$(IN_UTF8) $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements.txt
	$(IN_UTF8) $(BIN)/python tools/running/relative_path.py
	@touch $@
