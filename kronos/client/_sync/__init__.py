"""The client for threads. bin/client generates kronos/client/_sync from it, except `clock`."""
