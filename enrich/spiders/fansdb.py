"""FansDB (fansdb.cc): a server of the stash-box software."""

from enrich.spiders.bases.stash_box import StashBoxSpider


class FansDBSpider(StashBoxSpider):
    """Reads fansdb.cc."""

    name = "fansdb"
