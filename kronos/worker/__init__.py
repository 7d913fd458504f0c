"""Workers: claim due executions, deliver them, and store the results."""
