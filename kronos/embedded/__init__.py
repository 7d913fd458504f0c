"""Everything on one machine: a PostgreSQL cluster of its own, and the processes beside it."""
