"""Babepedia's pages, and what its spider makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scrapy.http import Request

from enrich.items import Lookup
from enrich.spiders.bases.reference_site import ReferenceSiteSpider

Make = Callable[..., Any]
ROOT = "https://www.babepedia.com/babe/"
JANE = Lookup(performer_id=3, name="Jane Example", urls=(ROOT + "Jane_Example",))


def page_of(name: str, *aliases: str) -> str:
    return (
        f'<title>{name}</title><div id="profbox2"><a class="img" href="/pics/{name}.jpg"></a></div>'
        f'<h1 id="babename">{name}</h1><h2 id="aka"><small>Also known as:</small> {" - ".join(aliases)}</h2>'
    )


def answered(
    spider: ReferenceSiteSpider, response_to: Make, request: Request, body: str | bytes, status: int = 200, **how: str
) -> list[Any]:
    return list(spider.parse_profile(response_to(request, body, status, **how), **request.cb_kwargs))
