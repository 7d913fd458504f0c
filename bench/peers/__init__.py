"""Kronos beside what a user would take instead of it: the same work, machine and PostgreSQL, in turns. `bin/bench`

Each peer is a process (`*_peer.*`) that reads orders, a line of JSON each, and does them by the peer's own documented
calls.
"""
