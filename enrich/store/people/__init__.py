"""Performers: saving what sources state, deciding who is the same person, merging, look-ups."""
