"""Workers: claim what is due, deliver it, store what became of it."""
