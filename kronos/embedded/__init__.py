"""Everything on one machine: an own PostgreSQL cluster, and the processes that use it."""
