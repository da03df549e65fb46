"""The revisions, one a file, the number in front."""
