"""Kronos compared with its alternatives: the same work, machine and PostgreSQL, in turns. `bin/bench`

Each peer is a process (`*_peer.*`) that reads orders, a line of JSON each, and executes them with the peer's documented
calls.
"""
