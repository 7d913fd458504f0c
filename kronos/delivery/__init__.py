"""Build and send deliveries: one transport per file, no database."""
