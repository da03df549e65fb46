"""On what terms faces are taken: what the model pack says of distances, and sources.yaml of each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enrich.config import TrustLevel
from enrich.faces.agreement import Rule
from enrich.store.ledger.rows import Limits


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """How far a source is believed, and how many faces it may give."""

    trust: TrustLevel
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Of all sources, for faces of one may let faces of another be taken. ``model``: fingerprint of the pack."""

    model: str
    rule: Rule
    sources: Mapping[str, SourceTerms]

    def trust(self, source: str) -> TrustLevel | None:
        """The source's trust level; ``None`` for one that is no longer in sources.yaml."""
        terms = self.sources.get(source)
        return None if terms is None else terms.trust

    def limits(self, source: str) -> Limits:
        """The source's limits."""
        return self.sources[source].limits
