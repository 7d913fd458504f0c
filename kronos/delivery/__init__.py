"""What a delivery is made of and how it is sent: one transport per file, no database."""
