"""Errors a person reads: one clear line that says what, where and what to do."""

from typing import Final

CREDENTIALS_REFUSED: Final = "credentials_refused"
DATABASE_FAILED: Final = "database_failed"
JOBDIR_UNWRITABLE: Final = "jobdir_unwritable"
MODELS_FAILED: Final = "models_failed"
"""The finish reasons of crawls ended by such an error: what they would fetch from then on would be lost or useless."""


class EnrichError(Exception):
    """Something that stops the run; its message is the one line printed before exit code 1."""


class ConfigError(EnrichError):
    """sources.yaml, a setting or an argument is invalid."""


class ModelError(EnrichError):
    """A model pack is missing, damaged, or not the one a database was built with."""


class StoreError(EnrichError):
    """The database or an index cannot be opened, is newer than this program, or cannot be written."""


class DatabaseTrouble(StoreError):  # noqa: N818  # what there is, not only that it is an error
    """The database cannot be read or written now: a full disk, a lock, a file that is gone. Nothing is half done."""


class CredentialError(EnrichError):
    """A source that needs a key has none, or the source refused it."""


class JobDirError(EnrichError):
    """A job directory is in use by another crawl, or cannot be made, locked or written."""
