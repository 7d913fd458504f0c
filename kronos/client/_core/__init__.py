"""What both clients share and that speaks to nobody: rules of repeating, reading of answers, of streams, of models."""
