"""The client for threads. Made by bin/client."""
