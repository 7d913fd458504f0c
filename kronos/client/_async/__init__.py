"""The client for asyncio. bin/client generates kronos/client/_sync from it, except `clock`."""
