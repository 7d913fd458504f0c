"""What both clients share and that sends nothing: rules for retries, and decoders of responses, streams and models."""
