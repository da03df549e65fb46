"""Which site an address belongs to, and whom it names there."""

from __future__ import annotations

import pytest

from enrich.config import default_sources
from enrich.identity import UrlIdentity, add_site, host_of, identify
from enrich.identity.sites import HOSTS, SUBDOMAINS

UUID = "0a0b0c0d-1111-4222-8333-444444444444"
KNOWN = [
    # the twelve sources
    (f"https://stashdb.org/performers/{UUID}", "stashdb", UUID),
    (f"https://StashDB.org/performers/{UUID.upper()}/", "stashdb", UUID),
    (f"https://pmvstash.org/performers/{UUID}", "pmvstash", UUID),
    (f"https://javstash.org/performers/{UUID}?tab=scenes", "javstash", UUID),
    (f"https://fansdb.cc/performers/{UUID}#top", "fansdb", UUID),
    (f"https://theporndb.net/performers/{UUID}", "theporndb", UUID),
    ("https://metadataapi.net/performers/jane-example", "theporndb", "jane-example"),
    ("https://api.theporndb.net/performers/12345", "theporndb", "12345"),
    ("https://www.babepedia.com/babe/Jane_Example", "babepedia", "Jane_Example"),
    ("http://babepedia.com/babe/Jane%20Example", "babepedia", "Jane_Example"),
    ("https://www.babepedia.com/babe/Ren%C3%A9e_St._James", "babepedia", "Renée_St._James"),
    ("https://www.babepedia.com/babe/Ren%25C3%25A9e", "babepedia", "Ren%C3%A9e"),
    (f"https://www.iafd.com/person.rme/id={UUID.upper()}", "iafd", UUID),
    (f"https://www.iafd.com/person.rme/id={UUID}/awards", "iafd", UUID),
    ("https://www.iafd.com/person.rme/perfid=JaneExample/gender=f/Jane-Example.htm", "iafd", "janeexample"),
    ("http://iafd.com/person.rme/perfid=janeexample_ts/Jane.htm", "iafd", "janeexample_ts"),
    (f"https://www.iafd.com/person.rme?id={UUID}", "iafd", UUID),
    ("https://iafd.com/person.rvm/perfid=janeexample/gender=d/Jane-O&#39;Example.htm", "iafd", "janeexample"),
    ("https://www.iafd.com/person.asp?perfid=janeexample&gender=f", "iafd", "janeexample"),
    ("https://www.freeones.com/jane-example", "freeones", "jane-example"),
    ("https://www.freeones.com/Jane-Example/bio", "freeones", "jane-example"),
    ("https://www.freeones.com/jane-example/photos/some-gallery?x=1", "freeones", "jane-example"),
    ("https://www.freeones.com/de/jane-example", "freeones", "jane-example"),
    ("https://www.freeones.com/pt-br/jane-example/feed", "freeones", "jane-example"),
    ("https://fr.freeones.com/jane-example", "freeones", "jane-example"),
    ("https://www.freeones.xxx/jane-example/bio", "freeones", "jane-example"),
    ("https://www.freeones.com/html/j_links/bio_Jane_Example.php", "freeones", "jane-example"),
    ("http://www.freeones.com/html/j_links/Jane_Example/", "freeones", "jane-example"),
    ("https://www.freeones.ru/jane-example/profile", "freeones", "jane-example"),
    ("https://www.freeones.com/jo/bio", "freeones", "jo"),
    ("https://www.boobpedia.com/boobs/jane Example", "boobpedia", "Jane_Example"),
    ("https://www.boobpedia.com/boobs/Jane_Example_(model)", "boobpedia", "Jane_Example_(model)"),
    ("http://boobpedia.com/boobs/Mary-Jane_O%27Example#Photos", "boobpedia", "Mary-Jane_O'Example"),
    ("https://www.boobpedia.com/boobs/Ren%C3%A9e?oldid=404", "boobpedia", "Renée"),
    ("https://www.pornpics.com/pornstars/jane-example/", "pornpics", "jane-example"),
    ("https://www.pornpics.com/de/pornstars/jane-example/", "pornpics", "jane-example"),
    ("http://pornpics.com/pornstars/Jane-Example?limit=20&offset=20", "pornpics", "jane-example"),
    ("https://www.pornpics.com/pt-br/pornstars/jane-example/#tiles", "pornpics", "jane-example"),
    ("https://www.elitebabes.com/model/jane-example/", "elitebabes", "jane-example"),
    ("https://www.elitebabes.com/model/jane-example-2/mpage/3/", "elitebabes", "jane-example-2"),
    ("https://www.elitebabes.com/model/jane-example/sort/latest/", "elitebabes", "jane-example"),
    ("http://elitebabes.com/model/Jane-Example", "elitebabes", "jane-example"),
    ("https://www.javdatabase.com/idols/jane-example/?ipage=2", "javdatabase", "jane-example"),
    ("http://javdatabase.com/idols/Jane-Example-2", "javdatabase", "jane-example-2"),
    (f"https://api.metadataapi.net/performers/{UUID.upper()}", "theporndb", UUID),
    ("https://www.iafd.com/person.rme/perfid=janeexample_ftm/gender=m/Jane.htm", "iafd", "janeexample_ftm"),
    (f"http://www.iafd.com/person.rme/id={UUID}/awards/", "iafd", UUID),
    ("https://de.freeones.com/jane-example/bio", "freeones", "jane-example"),
    ("https://www.freeones.com/jane-example-2/videos", "freeones", "jane-example-2"),
    ("https://de.pornpics.com/pornstars/jane-example/", "pornpics", "jane-example"),
    ("https://www.elitebabes.com/model/jane-example/sort/similar/", "elitebabes", "jane-example"),
    # accounts
    ("https://twitter.com/iafd_fan", "twitter", "iafd_fan"),
    ("https://x.com/Jane_Example/status/1", "twitter", "jane_example"),
    ("https://mobile.twitter.com/@JaneExample", "twitter", "janeexample"),
    ("https://www.instagram.com/jane.example/", "instagram", "jane.example"),
    ("https://onlyfans.com/jane-example?ref=1", "onlyfans", "jane-example"),
    ("https://onlyfans.com/123456/janeexample", "onlyfans", "janeexample"),
    ("https://fansly.com/JaneExample/posts", "fansly", "janeexample"),
    ("https://www.tiktok.com/@Jane.Example/video/7", "tiktok", "jane.example"),
    ("https://www.youtube.com/@JaneExample", "youtube", "@janeexample"),
    ("https://www.youtube.com/channel/UCabcDEFghiJKLmnoPQRstuv", "youtube", "UCabcDEFghiJKLmnoPQRstuv"),
    ("https://youtube.com/user/JaneExample", "youtube", "user/janeexample"),
    ("https://www.facebook.com/profile.php?id=1000123", "facebook", "1000123"),
    ("https://facebook.com/JaneExample", "facebook", "janeexample"),
    ("https://old.reddit.com/user/JaneExample/submitted", "reddit", "janeexample"),
    ("https://www.reddit.com/u/JaneExample", "reddit", "janeexample"),
    ("https://bsky.app/profile/jane.example", "bluesky", "jane.example"),
    ("https://jane-example.tumblr.com/post/1", "tumblr", "jane-example"),
    ("https://linktr.ee/janeexample", "linktree", "janeexample"),
    ("https://chaturbate.com/b/jane_example/", "chaturbate", "jane_example"),
    ("https://www.manyvids.com/Profile/123456/JaneExample/", "manyvids", "123456"),
    ("https://www.clips4sale.com/studio/12345/jane", "clips4sale", "12345"),
    ("https://de.pornhub.com/model/jane-example", "pornhub", "model/jane-example"),
    ("https://www.pornhub.com/pornstar/jane-example/videos", "pornhub", "pornstar/jane-example"),
    ("https://instagram.com/_u/jane.example", "instagram", "jane.example"),
    ("https://www.threads.net/@jane.example", "threads", "jane.example"),
    ("https://www.snapchat.com/add/jane-example", "snapchat", "jane-example"),
    ("https://www.twitch.tv/JaneExample/about", "twitch", "janeexample"),
    ("https://www.pinterest.com/janeexample/", "pinterest", "janeexample"),
    ("https://vk.com/janeexample", "vk", "janeexample"),
    ("https://t.me/janeexample", "telegram", "janeexample"),
    ("https://allmylinks.com/jane-example", "allmylinks", "jane-example"),
    ("https://beacons.ai/janeexample", "beacons", "janeexample"),
    ("https://jane-example.carrd.co", "carrd", "jane-example"),
    ("https://www.patreon.com/janeexample", "patreon", "janeexample"),
    ("https://fancentro.com/janeexample", "fancentro", "janeexample"),
    ("https://justfor.fans/JaneExample?tab=store", "justforfans", "janeexample"),
    ("https://www.loyalfans.com/janeexample", "loyalfans", "janeexample"),
    ("https://stripchat.com/Jane_Example", "stripchat", "jane_example"),
    ("https://www.camsoda.com/jane-example", "camsoda", "jane-example"),
    ("https://www.cam4.com/janeexample", "cam4", "janeexample"),
    ("https://profiles.myfreecams.com/JaneExample", "myfreecams", "janeexample"),
    ("https://de.bongacams.com/profile/jane-example", "bongacams", "jane-example"),
    ("https://www.tumblr.com/jane-example", "tumblr", "jane-example"),
    ("https://www.facebook.com/people/Jane-Example/1000123/", "facebook", "1000123"),
    ("https://iwantclips.com/store/12345/Jane-Example", "iwantclips", "12345"),
    ("https://www.xvideos.com/pornstars/jane-example", "xvideos", "pornstars/jane-example"),
    ("https://xhamster.com/pornstars/jane-example", "xhamster", "pornstars/jane-example"),
    ("https://www.youporn.com/pornstar/jane-example/", "youporn", "jane-example"),
    ("https://www.redtube.com/pornstar/jane+example", "redtube", "jane+example"),
    ("https://www.eporner.com/pornstar/jane-example-ab12c/", "eporner", "jane-example-ab12c"),
    # databases
    ("https://m.imdb.com/name/nm0000001/?ref_=x", "imdb", "nm0000001"),
    ("https://www.imdb.com/de/name/nm0000001", "imdb", "nm0000001"),
    ("https://www.wikidata.org/wiki/q42", "wikidata", "Q42"),
    ("https://en.wikipedia.org/wiki/Jane_Example_(model)", "wikipedia", "Jane_Example_(model)"),
    ("https://www.themoviedb.org/person/123-jane-example", "tmdb", "123"),
    ("https://www.indexxx.com/m/jane-example", "indexxx", "jane-example"),
    ("https://www.thenude.com/Jane%20Example_12345.htm", "thenude", "12345"),
    ("https://www.adultfilmdatabase.com/actor/jane-example-54321/", "afdb", "54321"),
    ("https://www.adultfilmdatabase.com/actor.cfm?actorid=54321", "afdb", "54321"),
    ("https://www.data18.com/name/jane-example", "data18", "jane-example"),
    ("https://www.egafd.com/actresses/details.php/id/j00123", "egafd", "j00123"),
    ("https://www.adultempire.com/12345/jane-example-pornstars.html", "adultempire", "12345"),
    ("https://www.data18.com/pornstars/jane-example", "data18", "jane-example"),
    ("https://www.indexxx.com/models/1234/jane-example-1/", "indexxx", "1234"),
    ("https://www.bgafd.co.uk/actresses/details.php/id/j00123", "bgafd", "j00123"),
    ("https://gayeroticvideoindex.com/performer/12345", "gevi", "12345"),
    ("https://actress.dmm.co.jp/-/detail/=/actress_id=12345/", "dmm", "12345"),
    ("https://xslist.org/en/model/1234.html", "xslist", "1234"),
    ("https://www.modelmayhem.com/1234567", "modelmayhem", "1234567"),
    ("https://www.discogs.com/artist/1234-Jane-Example", "discogs", "1234"),
    ("http://www.minnano-av.com/actress123456.html", "minnano-av", "123456"),
    ("https://www.minnano-av.com/actress.php?actress_id=123456", "minnano-av", "123456"),
]
HOST_AS_SITE = [
    ("https://example.com/?u=https://x.com/foo", "example.com", ""),
    ("https://example.com/iafd.com/person.rme/id=1", "example.com", "iafd.com/person.rme/id=1"),
    ("https://notfreeones.com/abc", "notfreeones.com", "abc"),
    ("https://freeones.com.evil.example/abc", "freeones.com.evil.example", "abc"),
    ("https://store.freeones.com/jane-example", "store.freeones.com", "jane-example"),
    ("https://x.com.example/foo", "x.com.example", "foo"),
    ("https://twitter.com@example.com/foo", "example.com", "foo"),
    ("https://twitter.com/home/status/1", "twitter.com", "home/status/1"),
    ("https://twitter.com/", "twitter.com", ""),
    ("https://x.com/i/user/12", "x.com", "i/user/12"),
    ("https://www.instagram.com/p/Abc/", "instagram.com", "p/Abc"),
    (f"https://www.iafd.com/matchups.rme/id={UUID}", "iafd.com", f"matchups.rme/id={UUID}"),
    ("https://www.freeones.com/vod/demo", "freeones.com", "vod/demo"),
    ("https://www.babepedia.com/onlyfans/janeexample", "babepedia.com", "onlyfans/janeexample"),
    ("https://www.boobpedia.com/wiki/images/a/ab/Jane.jpg", "boobpedia.com", "wiki/images/a/ab/Jane.jpg"),
    ("https://www.freeones.com/babes?q=x", "freeones.com", "babes"),
    ("https://www.freeones.com/de/babes", "freeones.com", "de/babes"),
    ("https://www.freeones.com/de", "freeones.com", "de"),
    ("https://www.freeones.com/html/a_links/", "freeones.com", "html/a_links"),
    ("https://www.boobpedia.com/boobs/File:Jane.jpg", "boobpedia.com", "boobs/File:Jane.jpg"),
    ("https://www.boobpedia.com/boobs/Main_Page", "boobpedia.com", "boobs/Main_Page"),
    ("https://www.boobpedia.com/boobs/index.php?title=Jane", "boobpedia.com", "boobs/index.php"),
    ("https://www.boobpedia.com/boobs/Category:1985_births", "boobpedia.com", "boobs/Category:1985_births"),
    ("https://www.babepedia.com/gallery/Jane_Example/1", "babepedia.com", "gallery/Jane_Example/1"),
    ("https://www.babepedia.com/babe/", "babepedia.com", "babe"),
    ("https://www.babepedia.com/babe/_", "babepedia.com", "babe/_"),
    ("https://www.iafd.com/title.rme/id=" + UUID, "iafd.com", f"title.rme/id={UUID}"),
    ("https://www.iafd.com/person.rme/id=1", "iafd.com", "person.rme/id=1"),
    ("https://stashdb.org/scenes/" + UUID, "stashdb.org", f"scenes/{UUID}"),
    ("https://stashdb.org/performers/add", "stashdb.org", "performers/add"),
    ("https://www.pornpics.com/pornstars/list/a/", "pornpics.com", "pornstars/list/a"),
    ("https://www.pornpics.com/pornstars/?gender=female&s=trending", "pornpics.com", "pornstars"),
    ("https://www.pornpics.com/pornstars/shemale/", "pornpics.com", "pornstars/shemale"),
    ("https://www.pornpics.com/galleries/some-title-12345678/", "pornpics.com", "galleries/some-title-12345678"),
    ("https://www.elitebabes.com/model-tag/tattoo/", "elitebabes.com", "model-tag/tattoo"),
    ("https://www.elitebabes.com/some-title-12345/", "elitebabes.com", "some-title-12345"),
    ("https://www.javdatabase.com/idols/page/2/", "javdatabase.com", "idols/page/2"),
    ("https://www.javdatabase.com/idols/?q=jane", "javdatabase.com", "idols"),
    ("https://www.javdatabase.com/movies/demo-001/", "javdatabase.com", "movies/demo-001"),
    ("https://www.reddit.com/r/example", "reddit.com", "r/example"),
    ("https://onlyfans.com/123456", "onlyfans.com", "123456"),
    ("https://www.jane.example/", "jane.example", ""),
    ("https://jane.example:8443/a//b/", "jane.example", "a/b"),
]


@pytest.mark.parametrize(("url", "site", "identity"), KNOWN)
def test_known_sites(url: str, site: str, identity: str) -> None:
    found = identify(url)
    assert found is not None
    assert (found.site, found.id) == (site, identity)
    assert found.confidence >= 0.8


@pytest.mark.parametrize(("url", "site", "identity"), HOST_AS_SITE)
def test_everything_else_is_kept_with_its_host(url: str, site: str, identity: str) -> None:
    assert identify(url) == UrlIdentity(site, identity, 0.3)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "Jane Example",
        "www.iafd.com/x",
        "ftp://iafd.com/x",
        "javascript:alert(1)",
        "https://",
        "https://[bad/x",
        "//x.com/foo",
    ],
)
def test_only_web_addresses(url: str) -> None:
    assert identify(url) is None
    assert host_of(url) is None


def test_every_source_is_a_site() -> None:
    assert set(default_sources().sources) <= {site for _, site, _ in KNOWN}


def test_every_site_of_the_table_has_a_row() -> None:
    known = {rule.site for rules in HOSTS.values() for rule in rules} | set(SUBDOMAINS.values())
    assert known == {site for _, site, _ in KNOWN}


def test_a_site_that_is_not_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HOSTS, "lanternhouse.example", ())
    del HOSTS["lanternhouse.example"]  # as it will be again when the test has ended
    add_site("lanternhouse", "lanternhouse.example", "/people/{slug}/")
    for url in ("https://www.lanternhouse.example/people/Jane_Ex", "http://lanternhouse.example/people/Jane_Ex/x?y"):
        assert identify(url) == UrlIdentity("lanternhouse", "Jane_Ex", 0.8)
    assert identify("https://www.lanternhouse.example/news/Jane_Ex") == UrlIdentity(
        "lanternhouse.example", "news/Jane_Ex", 0.3
    )
    before = HOSTS["iafd.com"]
    add_site("other", "iafd.com", "/{slug}")
    assert HOSTS["iafd.com"] == before, "a site of the table keeps its rules"


def test_the_key_of_an_identity_takes_no_notice_of_case() -> None:
    urls = ("https://www.babepedia.com/babe/JANE_example", "https://babepedia.com/babe/Jane_Example")
    assert len({found.key for url in urls if (found := identify(url))}) == 1
