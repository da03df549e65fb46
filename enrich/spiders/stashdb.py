"""StashDB (stashdb.org): a server of the stash-box software."""

from enrich.spiders.bases.stash_box import StashBoxSpider


class StashDBSpider(StashBoxSpider):
    """Reads stashdb.org."""

    name = "stashdb"
