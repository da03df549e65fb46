"""What Scrapy runs and in which order. Every name here can be set with ``-s NAME=VALUE``.

The names of the contract can also come from the environment as ``ENRICH_NAME``. API keys are not settings: they come
from the environment alone.
"""

import os

from enrich import __version__

BOT_NAME = "enrich"
SPIDER_MODULES = ["enrich.spiders"]
NEWSPIDER_MODULE = "enrich.spiders"
COMMANDS_MODULE = "enrich.commands"

# --- enrich -----------------------------------------------------------------------------------------------------------
SOURCES_FILE = os.environ.get("ENRICH_SOURCES_FILE")  # None: beside scrapy.cfg, else the packaged one
DATA_DIR = os.environ.get("ENRICH_DATA_DIR", "data")
DATABASE_URL = os.environ.get("ENRICH_DATABASE_URL")  # None: SQLite in DATA_DIR
MODEL_PACK = os.environ.get("ENRICH_MODEL_PACK", "buffalo_l")
MODELS_DIR = os.environ.get("ENRICH_MODELS_DIR")  # None: DATA_DIR/models
FLARESOLVERR_URL = os.environ.get("ENRICH_FLARESOLVERR_URL", "http://127.0.0.1:8191")
FLARESOLVERR_MAX_SECONDS = 60.0  # how long one solve may take
FLARESOLVERR_CONCURRENCY = 2  # solves at once, of all sources of the process
FLARESOLVERR_COOLDOWN_SECONDS = 10.0  # between solves that fail, times their number
EMBED_BATCH_SIZE = os.environ.get("ENRICH_EMBED_BATCH_SIZE", 8)
EMBED_DEVICE = os.environ.get("ENRICH_EMBED_DEVICE", "auto")
EMBED_MAX_WAIT_SECONDS = 0.03
IMAGE_MAX_PIXELS = 50_000_000  # larger pictures are refused from their header; decoding takes up to 24 bytes a pixel
IMAGE_MAX_BYTES = 32 * 2**20  # larger files are not opened; nothing above DOWNLOAD_MAXSIZE gets here at all
REFRESH_DAYS = 30  # a performer looked up at a reference site is not looked up again before this
ALLOWED_FAILED_SHARE = 0.10  # more failed images and lookups than this and the run counts as degraded (exit code 3)
ALLOWED_GONE_SHARE = 0.05  # more performers than this missing in a stash-box's list, and the list is not believed
ALLOWED_UNEXPECTED_SHARE = 0.05  # the same for pages that are not what the parser knows

# --- the way of a request: order numbers with their reasons are in docs/architecture.md -------------------------------
DOWNLOADER_MIDDLEWARES = {
    "enrich.middlewares.ledger.LedgerMiddleware": 10,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,  # ssrf_guard and image_hosts say what may be asked
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "enrich.middlewares.ssrf_guard.SsrfGuardMiddleware": 20,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "enrich.middlewares.robots.RobotsMiddleware": 100,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "enrich.middlewares.retry.WaitingRetryMiddleware": 550,
    "enrich.middlewares.retry_after.RetryAfterMiddleware": 560,
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,
    "enrich.middlewares.redirect.MetaRefreshMiddleware": 580,
    "enrich.middlewares.flaresolverr.FlareSolverrMiddleware": 585,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "enrich.middlewares.compression.HttpCompressionMiddleware": 590,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "enrich.middlewares.redirect.RedirectMiddleware": 600,
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    "enrich.middlewares.cookies.CookiesMiddleware": 700,
    "enrich.middlewares.rate_limit.RateLimitMiddleware": 790,
    "enrich.middlewares.clearance.ClearanceMiddleware": 795,
    "enrich.middlewares.credentials.CredentialsMiddleware": 800,
    "enrich.middlewares.browser.BrowserMiddleware": 820,
}
SPIDER_MIDDLEWARES = {
    "enrich.middlewares.page_pacing.PagePacingMiddleware": 900,  # next to the callbacks
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,  # would drop long addresses silently
}
ITEM_PIPELINES = {
    "enrich.pipelines.validate.AdultStage": 90,
    "enrich.pipelines.validate.SniffStage": 100,
    "enrich.pipelines.detect.DetectStage": 200,
    "enrich.pipelines.screen.ScreenStage": 300,
    "enrich.pipelines.embed.EmbedStage": 400,
    "enrich.pipelines.persist.PersistStage": 800,
}
BROWSER_USER_AGENT = None  # None: that of the Chromium found, as it says it with a window
BROWSER_PAGES_PER_CONTEXT = 200  # a context grows with every page: then a new one, with the old one's cookies
JOBS_DIR = None  # where JOBDIR=auto keeps what a stopped crawl leaves; None: DATA_DIR/jobs
EXTENSIONS = {
    "enrich.extensions.jobdir.JobDirGuard": 0,  # before whatever opens a database or a queue
    "enrich.extensions.run.RunExtension": 10,
    "scrapy.extensions.periodic_log.PeriodicLog": None,
    "scrapy.extensions.spiderstate.SpiderState": None,  # the guard keeps it, with the queue or not at all
}

DOWNLOAD_HANDLERS = {"file": None, "ftp": None, "s3": None}  # addresses come from strangers
TWISTED_DNS_RESOLVER = "enrich.net.resolver.PublicResolver"
SCHEDULER = "enrich.net.scheduler.WaitingScheduler"
DUPEFILTER_CLASS = "enrich.net.dupefilter.DuplicateFilter"

SPIDER_CONTRACTS = {"enrich.spiders.bases.contracts.LiveContract": 10}

# --- politeness -------------------------------------------------------------------------------------------------------
USER_AGENT = f"enrich/{__version__} (performer database builder for Stash libraries; Scrapy)"
ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = "enrich"
CONCURRENT_REQUESTS = 8
DOWNLOAD_DELAY = 0  # the pace is the source's rate_limit, kept by RateLimitMiddleware
DOWNLOAD_DELAY_JITTER = 0
DOWNLOAD_TIMEOUT = 45
DOWNLOAD_MAXSIZE = 32 * 2**20
DOWNLOAD_WARNSIZE = 16 * 2**20
RETRY_TIMES = 3
RETRY_HTTP_CODES = [408, 500, 502, 504, 520, 521, 522, 523, 524]  # 429 and 503 are RetryAfterMiddleware's
RETRY_FIRST_WAIT_SECONDS = 2.0  # before the first retry; doubled before each further one
RETRY_LONGEST_WAIT_SECONDS = 60.0
THROTTLE_FIRST_PAUSE_SECONDS = 10.0  # after a 429 or 503 without Retry-After; doubled while they go on
THROTTLE_PATIENCE_SECONDS = 3600.0  # a source that refuses for longer, without one answer, ends the run as degraded
RETRY_GIVE_UP_LOG_LEVEL = "INFO"  # failed downloads are in the ledger and in the summary
COOKIES_ENABLED = False

# --- the process ------------------------------------------------------------------------------------------------------
WARN_ON_GENERATOR_RETURN_VALUE = False  # reads the source of callbacks; ours return nothing
CONCURRENT_ITEMS = 2  # per response, and so many tasks are made for each: a picture's response has one item
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 8 * 2**20  # bytes of pictures in the pipeline before downloads pause
REMOTE_CONTROL_ENABLED = False
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "INFO"
LOG_FORMATTER = "enrich.runtime.log_format.CrawlLog"
DEFAULT_DROPITEM_LOG_LEVEL = "DEBUG"
LOGSTATS_INTERVAL = 60.0
MEMUSAGE_ENABLED = True
FEED_EXPORT_ENCODING = "utf-8"
FEED_EXPORTERS = {
    "csv": "enrich.feeds.FeedCsvExporter",
    "json": "enrich.feeds.FeedJsonExporter",
    "jsonl": "enrich.feeds.FeedJsonLinesExporter",
    "jsonlines": "enrich.feeds.FeedJsonLinesExporter",
    "jl": "enrich.feeds.FeedJsonLinesExporter",
    "xml": "enrich.feeds.FeedXmlExporter",
}
