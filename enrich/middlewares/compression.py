"""Scrapy's decompression, with an exception of its own for bodies that are too large once unpacked."""

from __future__ import annotations

from scrapy.downloadermiddlewares import httpcompression
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response

from enrich.request_errors import ResponseTooLarge


class HttpCompressionMiddleware(httpcompression.HttpCompressionMiddleware):
    """Raises ResponseTooLarge above ``DOWNLOAD_MAXSIZE``."""

    def process_response(  # type: ignore[override]  # Scrapy's still takes the spider, which it deprecates
        self, request: Request, response: Response
    ) -> Request | Response:
        """Unpack the body."""
        try:
            return super().process_response(request, response)
        except IgnoreRequest as error:
            raise ResponseTooLarge(str(error)) from error
