"""The client for asyncio. kronos/client/_sync is made of it by bin/client, word for word, but for `clock`."""
