"""Side by side with what a user would use instead, as ratios in one run on one machine.

``python -m tests.benchmarks.startup`` and so on; each prints one table. They are measured and
read, never asserted: a busy machine must not fail a test.
"""
