"""The tests, and the one command that runs them all: ``uv run python -m tests``."""
