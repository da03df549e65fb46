"""PMVStash (pmvstash.org): a server of the stash-box software."""

from enrich.spiders.bases.stash_box import StashBoxSpider


class PMVStashSpider(StashBoxSpider):
    """Reads pmvstash.org."""

    name = "pmvstash"
