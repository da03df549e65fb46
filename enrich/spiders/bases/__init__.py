"""What the spiders are built on: walking a source, reading values, saying what went wrong."""
