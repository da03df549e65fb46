"""Why a request was ignored, as classes: spiders decide by them, never by a message."""

from scrapy.exceptions import DownloadCancelledError, IgnoreRequest

from enrich.items import Reason


class AlreadyDecided(IgnoreRequest):
    """The ledger knows what becomes of the picture. ``reason`` is ``None`` where it is entered there already."""

    def __init__(self, reason: Reason | None) -> None:
        super().__init__(reason or "known")
        self.reason = reason


class RobotsForbidden(IgnoreRequest):
    """robots.txt closes the address."""


class RobotsUnreadable(RobotsForbidden):
    """The server cannot say what is allowed, so nothing is."""


class TooManyRedirects(IgnoreRequest):
    """Redirects led on and on, as those of a loop do."""


class ResponseTooLarge(IgnoreRequest):
    """The body is larger, once unpacked, than ``DOWNLOAD_MAXSIZE``."""


def is_too_large(error: BaseException | None) -> bool:
    """Whether ``DOWNLOAD_MAXSIZE`` ended the download, by its stated size, as bytes came in, or as they were unpacked.

    The one place where a message is read: Scrapy 2.19 cancels a download for other reasons by the same class. It gives
    no message where no size was stated.
    """
    if isinstance(error, DownloadCancelledError):
        return "max size" in str(error) or not str(error)
    return isinstance(error, ResponseTooLarge)
