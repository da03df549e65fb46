"""enrich: builds and feeds a performer database with correctly attributed face embeddings."""

__version__ = "0.2.0"
