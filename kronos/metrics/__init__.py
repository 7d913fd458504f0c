"""What Prometheus reads of a process: plain numbers, counted as cheaply as Python can, and written out when asked for.

catalog.py names every metric; tallies.py counts; exposition.py alone loads prometheus_client, when the first scrape
comes.
"""
