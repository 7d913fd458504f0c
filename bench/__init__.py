"""Benchmarks: one command each. They report medians of several samples, and measure references in turns with them.
Results are in docs/benchmarks.md."""
