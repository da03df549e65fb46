"""The ledger: one row for each picture, and one for each run."""
