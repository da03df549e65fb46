"""The history of the schema, as Alembic revisions; run by ``enrich.store.db.database``, never by hand."""
