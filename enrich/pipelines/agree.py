"""On what terms faces are taken: the model pack's distances and the trust levels and limits of all sources.

The judgement itself falls in the transaction that writes the face (``enrich.store.acceptance.trust``): what other
processes write at the same time is in it, and faces that wait are judged again with every face that is taken.
"""

from __future__ import annotations

from enrich.config import Sources
from enrich.faces.pack import ModelPack
from enrich.store.acceptance.terms import SourceTerms, Terms
from enrich.store.ledger.rows import Limits


def terms_of(pack: ModelPack, sources: Sources) -> Terms:
    """What a crawl with this pack and these sources judges by."""
    return Terms(
        model=pack.fingerprint,
        rule={recogniser.name: recogniser.distances for recogniser in pack.recognisers},
        sources={
            name: SourceTerms(
                source.trust_level, Limits(source=source.max_faces, total=sources.max_faces_per_performer)
            )
            for name, source in sources.sources.items()
        },
    )
