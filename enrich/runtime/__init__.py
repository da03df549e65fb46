"""The process that crawls: starting it, running the phases, its models, and the verdict on how it went."""
