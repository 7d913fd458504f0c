"""Other schedulers' entries as jobs: a translator for each source, pure functions of a text.

Each entry becomes a job, in the terms of the API, or is refused with the reason and its place in the source. Nothing is
dropped without a word (docs/decisions/0093-an-import-translates-or-refuses.md).
"""
