"""Kronos for language models: the API as tools of the Model Context Protocol."""
