"""The database of performers and faces, and the index derived from it: the only room that knows SQL."""
