"""Stash Sense's release files: a complete new folder of one moment of the database, or the old one untouched."""
