"""Removes people and sources with every trace of them, and keeps them out by salted hashes."""
