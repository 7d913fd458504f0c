"""A process's Prometheus metrics: plain numbers, counted as cheaply as Python can, and formatted only when read.

catalog.py names every metric; tallies.py counts; only exposition.py loads prometheus_client, at the first scrape.
"""
