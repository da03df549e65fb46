"""Scrapy's redirects, with an exception of their own where they lead on without end."""

from __future__ import annotations

from scrapy.downloadermiddlewares import redirect
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request

from enrich.request_errors import TooManyRedirects


class RedirectMiddleware(redirect.RedirectMiddleware):
    """Raises TooManyRedirects after ``REDIRECT_MAX_TIMES``."""

    def _redirect(self, redirected: Request, request: Request, reason: int | str) -> Request:
        try:
            return super()._redirect(redirected, request, reason)
        except IgnoreRequest as error:
            raise TooManyRedirects(str(error)) from error


class MetaRefreshMiddleware(redirect.MetaRefreshMiddleware):
    """The same for pages that redirect by themselves."""

    def _redirect(self, redirected: Request, request: Request, reason: int | str) -> Request:
        try:
            return super()._redirect(redirected, request, reason)
        except IgnoreRequest as error:
            raise TooManyRedirects(str(error)) from error
