"""What is sent to a helper: `kronos support-bundle`. Everything in it is there because it is on a list."""
