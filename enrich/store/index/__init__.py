"""The Voyager indices, derived from the database."""
