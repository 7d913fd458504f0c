"""The HTTP API: routes, request bodies, problem documents, and the process that serves them."""
