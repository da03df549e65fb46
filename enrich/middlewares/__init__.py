"""Downloader middlewares, one concern a file: ledger, throttle, credentials."""
