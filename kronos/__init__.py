"""Kronos: a job scheduler on PostgreSQL and pg_cron that accounts for every tick."""
