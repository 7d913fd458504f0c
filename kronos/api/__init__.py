"""The HTTP API: routes, what requests may hold, problems, and the process that serves them."""
