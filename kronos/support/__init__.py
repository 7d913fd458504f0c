"""What is sent to who helps: `kronos support-bundle`. Everything in it is there because it is on a list."""
