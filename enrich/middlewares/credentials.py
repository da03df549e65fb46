"""Adds the source's API key just before a request goes on the wire, and takes it off on the way back.

A request only says in which form it wants a key (``meta["credential"]``); the key itself comes from the environment,
reaches the API's own address alone, and is in no request that Scrapy keeps, logs, retries, redirects or writes to a job
directory. Must run after everything that may copy a request (order 800, beyond retry and redirect).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request, Response

from enrich.config import Source
from enrich.errors import CredentialError
from enrich.request_meta import CREDENTIAL
from enrich.spiders.bases.source import SourceSpider

FORMS = {"ApiKey": ("ApiKey", "{}"), "Bearer": ("Authorization", "Bearer {}")}
"""How a key is sent: stash-boxes take it bare in ``ApiKey``, ThePornDB as a bearer token."""


class CredentialsMiddleware:
    """Raises CredentialError at start-up where the source needs a key and the environment has none."""

    def __init__(self, source: Source, key: str) -> None:
        self.api = urlsplit(source.url)
        self.key = key

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Read the key. Raises CredentialError where there is none."""
        if not isinstance(crawler.spider, SourceSpider) or crawler.spider.source.api_key_env is None:
            raise NotConfigured
        return cls(crawler.spider.source, key_of(crawler.spider.source))

    def process_request(self, request: Request) -> None:
        """Add the key, if the request asks for it and goes to the API."""
        form = request.meta.get(CREDENTIAL)
        if form is not None and self._is_api(request.url):
            header, template = FORMS[form]
            request.headers[header] = template.format(self.key)

    def process_response(self, request: Request, response: Response) -> Response:
        """Take the key off before anybody keeps the request."""
        self._strip(request)
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """The same where there was no answer."""
        self._strip(request)

    def _is_api(self, url: str) -> bool:
        asked = urlsplit(url)
        same_origin = (asked.scheme, asked.netloc.lower()) == (self.api.scheme, self.api.netloc.lower())
        root = self.api.path.rstrip("/")
        return same_origin and (asked.path == root or asked.path.startswith(root + "/"))

    @staticmethod
    def _strip(request: Request) -> None:
        for header, _ in FORMS.values():
            request.headers.pop(header, None)


def key_of(source: Source, environ: Mapping[str, str] = os.environ) -> str:
    """The source's key. Raises CredentialError naming the variable to set."""
    assert source.api_key_env is not None
    key = environ.get(source.api_key_env, "").strip()
    if not key:
        raise CredentialError(
            f"{source.name}: no API key: set the environment variable {source.api_key_env} "
            f"to the key shown on your account page at {urlsplit(source.url).netloc.removeprefix('api.')}"
        )
    if not key.isprintable() or not key.isascii() or " " in key:
        raise CredentialError(
            f"{source.name}: {source.api_key_env} holds characters that no API key has; copy it again"
        )
    return key
