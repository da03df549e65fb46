"""The database itself: schema, migrations, connections, the one writer, backups."""
