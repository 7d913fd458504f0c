"""Makes what kronos.client has of the API's own document: models, bodies, resources, and the client for threads."""
