"""Programs that people run, by `make` or by `python -m tools.NAME`."""
