"""By what faces are accepted: the model pack's distances, and every source's trust level and limits.

The one place where limits come from. The decision itself falls in the transaction that writes the face (``trust``):
what other processes write at the same time is in it, and candidates are judged again with every face that is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enrich.config import Sources, TrustLevel
from enrich.faces.agreement import Rule
from enrich.faces.pack import ModelPack
from enrich.store.ledger.rows import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """How far a source is trusted, and how many faces it may give."""

    trust: TrustLevel
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Of all sources, for faces of one may let faces of another be accepted. ``model``: fingerprint of the pack."""

    model: str
    rule: Rule
    sources: Mapping[str, SourcePolicy]

    def trust(self, source: str) -> TrustLevel | None:
        """The source's trust level; ``None`` for one that is no longer in sources.yaml."""
        found = self.sources.get(source)
        return None if found is None else found.trust

    def limits(self, source: str) -> Limits:
        """The source's limits; none for one that is no longer in sources.yaml."""
        found = self.sources.get(source)
        return NO_LIMITS if found is None else found.limits


def policy_of(pack: ModelPack, sources: Sources) -> Policy:
    """What a crawl with this pack and these sources judges by."""
    return Policy(
        model=pack.fingerprint,
        rule={recogniser.name: recogniser.distances for recogniser in pack.recognisers},
        sources={
            name: SourcePolicy(
                source.trust_level, Limits(source=source.max_faces, total=sources.max_faces_per_performer)
            )
            for name, source in sources.sources.items()
        },
    )
