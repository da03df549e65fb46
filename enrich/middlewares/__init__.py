"""Downloader middlewares, one concern a file; docs/architecture.md has their order and its reasons."""
