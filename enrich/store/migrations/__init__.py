"""The history of the schema, as Alembic revisions; run by ``enrich.store.database``, never by hand."""
