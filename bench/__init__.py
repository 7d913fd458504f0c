"""Benchmarks: one command each, medians of several samples, references measured in turns with them; results in
docs/benchmarks.md."""
