"""JAVStash (javstash.org): a server of the stash-box software."""

from enrich.spiders.bases.stash_box import StashBoxSpider


class JAVStashSpider(StashBoxSpider):
    """Reads javstash.org."""

    name = "javstash"
