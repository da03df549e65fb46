"""The sites that performers' links go to, and where in the URL each keeps the person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

DATABASE = 1.0
"""The id belongs to one entry of a database of people."""
SLUG = 0.8
"""The id is made of the name, or is an account, which may be shared, sold or renamed."""

Case = Literal["lower", "keep", "title", "slug"]
"""What becomes of an id's letters: lower case, as they are, first one upper (MediaWiki), lower case with hyphens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One form of a person's URL. ``pattern`` matches the whole decoded path; its first group is the id.

    ``underscores``: whitespace becomes ``_``. ``query``: the id is this query
    parameter instead. ``languages``: a language in front (``/de/…``, ``de.host``) is not part of the URL proper.
    ``reserved``: words of the site that are nobody's name.
    """

    site: str
    pattern: re.Pattern[str]
    confidence: float
    case: Case = "lower"
    underscores: bool = False
    query: str | None = None
    languages: bool = False
    reserved: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HOSTS: dict[str, tuple[Rule, ...]] = {}
"""Host without ``www.`` -> the forms of a person's URL there, the surest first."""

SUBDOMAINS: dict[str, str] = {"tumblr.com": "tumblr", "carrd.co": "carrd", "bsky.social": "bluesky"}
"""Sites that give every person a host of their own: parent host -> site."""

SITE_WORDS = _words(
    """
    about account accounts ads api app apps auth blog blogs business careers categories category channel channels
    contact create creators dashboard developer developers discover dmca download events explore faq feature features
    feed feeds following followers friends gaming groups hashtag hashtags help home i images index.html index.php info
    intent invite jobs join js l legal live login logout me media marketplace messages my new news notifications p page
    pages people photo photos playlist popular post posts pricing privacy profile profile.php profiles r reel reels
    register results rules search settings share shop shorts signin signup sitemap start static status store stories
    story subreddits support tag tags terms topics tos tv tweet u upload user users video videos watch web welcome
    who_to_follow compose c s k games directory tips affiliates tube female male couple trans
    """
)
"""What accounts' sites keep for themselves, at the place where an account would stand."""

_LANGUAGES = _words(
    "ar bg cs da de el en es et fi fr he hi hr hu it ja ko lt lv nl no pl pt ro ru sk sl sr sv th tr uk vi zh"
)
_FREEONES_WORDS = (
    SITE_WORDS
    | _LANGUAGES
    | _words(
        """
        babes babe bio html vod forum forums board galleries gallery cams webcams cam-models porn-stars pornstars
        performers models pictures sites reviews awards links advertise sponsors movies free-porn-videos sex-toys
        rankings lists onlyfans nude-celebs calendar top subjects random deals assets my-freeones
        """
    )
)
_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_NAMESPACE = r"(?!(?:File|Image|Category|Special|Template|User|Talk|Help|Boobpedia|MediaWiki|Portal)(?:[_ ]talk)?:)"


def _site(
    site: str,
    hosts: str,
    *patterns: str,
    confidence: float = SLUG,
    case: Case = "lower",
    underscores: bool = False,
    query: str | None = None,
    languages: bool = False,
    reserved: frozenset[str] = frozenset(),
) -> None:
    rules = tuple(
        Rule(
            site=site,
            pattern=re.compile(pattern + "(?:/.*)?", re.IGNORECASE | re.DOTALL),
            confidence=confidence,
            case=case,
            underscores=underscores,
            query=query,
            languages=languages,
            reserved=reserved,
        )
        for pattern in patterns
    )
    for host in hosts.split():
        HOSTS[host] = HOSTS.get(host, ()) + rules


def _accounts(**sites: str) -> None:
    for site, hosts in sites.items():
        _site(site, hosts, r"/@?([\w.-]+)", reserved=SITE_WORDS)


def add_site(site: str, host: str, path: str) -> None:
    """Know a site whose pages of people lie at ``path``, such as ``/people/{slug}/``; for sites not in this table."""
    if host not in HOSTS:
        _site(site, host, re.escape(path.partition("{slug}")[0]) + "([^/]+)", case="keep")


# The twelve sources.
for _name, _host in (
    ("stashdb", "stashdb.org"),
    ("pmvstash", "pmvstash.org"),
    ("javstash", "javstash.org"),
    ("fansdb", "fansdb.cc"),
):
    _site(_name, _host, f"/performers/{_UUID}", confidence=DATABASE)
_TPDB = "theporndb.net api.theporndb.net metadataapi.net api.metadataapi.net"
_site("theporndb", _TPDB, f"/performers/{_UUID}", confidence=DATABASE)
_site("theporndb", _TPDB, r"/performers/([^/]+)")
_site("babepedia", "babepedia.com", r"/babe/([^/]+)", case="keep", underscores=True)
_site("iafd", "iafd.com", rf"/person\.(?:rme|rvm|asp)/id={_UUID}", confidence=DATABASE)
_site("iafd", "iafd.com", r"/person\.(?:rme|rvm|asp)/perfid=([^/]+)", confidence=DATABASE)
_site("iafd", "iafd.com", r"/person\.(?:rme|rvm|asp)", confidence=DATABASE, query="id")
_site("iafd", "iafd.com", r"/person\.(?:rme|rvm|asp)", confidence=DATABASE, query="perfid")
_FREEONES = "freeones.com freeones.xxx freeones.ru"
_site("freeones", _FREEONES, r"/html/[a-z]_links/(?:bio_)?([\w-]+)(?:\.php)?", case="slug")
_site("freeones", _FREEONES, r"/([\w-]+)", languages=True, reserved=_FREEONES_WORDS)
_site("boobpedia", "boobpedia.com", rf"/boobs/{_NAMESPACE}([^/]+)", case="title", underscores=True,
      reserved=frozenset({"main_page", "index.php", "api.php"}))  # fmt: skip
_site("pornpics", "pornpics.com", r"/pornstars/([^/]+)", languages=True,
      reserved=frozenset({"list", "shemale", "gay", "trending", "recent"}))  # fmt: skip
_site("elitebabes", "elitebabes.com", r"/model/([^/]+)")
_site("javdatabase", "javdatabase.com", r"/idols/([^/]+)", reserved=frozenset({"page"}))

# Accounts: the first segment is the person.
_site("onlyfans", "onlyfans.com", r"/(?:\d+/)?@?(?!\d+(?:/|$))([\w.-]+)", reserved=SITE_WORDS)
_site("tiktok", "tiktok.com", r"/@([\w.-]+)")
_site("threads", "threads.net threads.com", r"/@([\w.-]+)")
_site("twitter", "twitter.com x.com", r"/@?([a-z0-9_]{1,20})", reserved=SITE_WORDS)
_site("instagram", "instagram.com", r"(?:/_u)?/@?([\w.-]+)", reserved=SITE_WORDS)
_accounts(
    fansly="fansly.com",
    twitch="twitch.tv",
    pinterest="pinterest.com",
    vk="vk.com",
    telegram="t.me",
    linktree="linktr.ee",
    allmylinks="allmylinks.com",
    beacons="beacons.ai",
    patreon="patreon.com",
    fancentro="fancentro.com",
    justforfans="justfor.fans",
    loyalfans="loyalfans.com",
    stripchat="stripchat.com",
    camsoda="camsoda.com",
    cam4="cam4.com",
    myfreecams="profiles.myfreecams.com share.myfreecams.com",
    tumblr="tumblr.com",
)
_site("chaturbate", "chaturbate.com", r"(?:/b)?/(\w+)", reserved=SITE_WORDS)
_site("facebook", "facebook.com", r"/people/[^/]+/(\d+)", confidence=DATABASE)
_site("facebook", "facebook.com", r"/profile\.php", query="id")
_site("facebook", "facebook.com", r"/([\w.-]+)", reserved=SITE_WORDS)
_site("bluesky", "bsky.app", r"/profile/([^/]+)")
_site("reddit", "reddit.com old.reddit.com", r"/(?:u|user)/([\w-]+)")
_site("snapchat", "snapchat.com", r"/(?:add|@)/?([\w.-]+)")
_site("youtube", "youtube.com", r"/channel/(UC[\w-]+)", case="keep", confidence=DATABASE)
_site("youtube", "youtube.com", r"/(@[^/]+)", r"/((?:user|c)/[^/]+)")
_site("bongacams", "bongacams.com", r"/profile/([\w-]+)", languages=True)

# Shops and tubes; where one host has several kinds of account, the kind stays in the id.
_site("manyvids", "manyvids.com", r"/Profile/(\d+)", confidence=DATABASE)
_site("clips4sale", "clips4sale.com", r"/studios?/(\d+)", confidence=DATABASE)
_site("iwantclips", "iwantclips.com", r"/store/(\d+)", confidence=DATABASE)
_site("pornhub", "pornhub.com", r"/((?:pornstar|model|users)/[^/]+)", languages=True)
_site("xvideos", "xvideos.com", r"/((?:profiles|pornstars|models|(?:pornstar|model|amateur)-channels)/[^/]+)")
_site("xhamster", "xhamster.com", r"/((?:pornstars|creators|users)/[^/]+)", languages=True)
_site("youporn", "youporn.com", r"/pornstar/([^/]+)")
_site("redtube", "redtube.com", r"/pornstar/([^/]+)")
_site("eporner", "eporner.com", r"/pornstar/([^/]+)")
_site("adultempire", "adultempire.com adultdvdempire.com", r"/(\d+)/[^/]*porn-?stars?\.html", confidence=DATABASE)

# Databases of people.
_site("imdb", "imdb.com", r"/name/(nm\d+)", confidence=DATABASE, languages=True)
_site("wikidata", "wikidata.org", r"/(?:wiki|entity)/(Q\d+)", confidence=DATABASE, case="title")
_site("tmdb", "themoviedb.org", r"/person/(\d+)(?:-[^/]*)?", confidence=DATABASE)
_site("indexxx", "indexxx.com", r"/m/([^/]+)", r"/models/(\d+)")
_site("thenude", "thenude.com thenude.eu", r"/[^/]*?_(\d+)\.html?", confidence=DATABASE)
_site("afdb", "adultfilmdatabase.com", r"/actor/[^/]*?(\d+)", confidence=DATABASE)
_site("afdb", "adultfilmdatabase.com", r"/actor\.cfm", confidence=DATABASE, query="actorid")
_site("data18", "data18.com", r"/(?:name|pornstars)/([^/]+)")
_site("egafd", "egafd.com", r"/actresses/details\.php/id/([^/]+)", confidence=DATABASE)
_site("bgafd", "bgafd.co.uk", r"/actresses/details\.php/id/([^/]+)", confidence=DATABASE)
_site("gevi", "gayeroticvideoindex.com", r"/performer/(\d+)", confidence=DATABASE)
_site("minnano-av", "minnano-av.com", r"/actress(\d+)\.html", confidence=DATABASE)
_site("minnano-av", "minnano-av.com", r"/actress\.php", confidence=DATABASE, query="actress_id")
_site("dmm", "actress.dmm.co.jp", r"/-/detail/=/actress_id=(\d+)", confidence=DATABASE)
_site("xslist", "xslist.org", r"/\w+/model/(\d+)\.html", confidence=DATABASE)
_site("modelmayhem", "modelmayhem.com", r"/(\d+)", confidence=DATABASE)
_site("discogs", "discogs.com", r"/artist/(\d+)(?:-[^/]*)?", confidence=DATABASE, languages=True)
for _language in sorted(_LANGUAGES):
    _site("wikipedia", f"{_language}.wikipedia.org {_language}.m.wikipedia.org", r"/wiki/((?!\w+:)[^/]+)",
          case="title", underscores=True)  # fmt: skip
