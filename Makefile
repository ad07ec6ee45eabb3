# A front for packaging/bootstrap.py, which does the work on every system (Windows: py packaging\bootstrap.py run).
PYTHON ?= python3

.PHONY: help run test check setup
help:
	@echo "make run    set up what is missing and open the window (without a display: one chat)"
	@echo "make test   set up what is missing and run every check"
	@echo "make check  only the checks that read code"
	@echo "make setup  only set up"

run test check setup:
	@$(PYTHON) packaging/bootstrap.py $@
