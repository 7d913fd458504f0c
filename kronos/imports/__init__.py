"""Translators of other schedulers' entries into jobs, one per source. They are pure functions of a text.

Each entry becomes a job, in the fields of the API, or is left out with a reason and its place in the source. Nothing
is dropped silently (docs/decisions/0093-an-import-translates-or-refuses.md).
"""
