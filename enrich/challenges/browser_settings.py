"""What a source with ``browser: true`` needs: scrapy-playwright, a Chromium, and the settings under which both behave.

They are set for such a source alone, so no other crawl starts a driver. https://github.com/scrapy-plugins/scrapy-playwright
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from scrapy.settings import BaseSettings

from enrich.config import Source
from enrich.errors import ConfigError

HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_UNWANTED = frozenset({"image", "font", "media"})
_SYSTEMS = {"darwin": "Macintosh; Intel Mac OS X 10_15_7", "win32": "Windows NT 10.0; Win64; x64"}
_REMOTE = ("PLAYWRIGHT_CDP_URL", "PLAYWRIGHT_CONNECT_URL")


def check_browser(source: Source, settings: BaseSettings) -> None:
    """Raises ConfigError where the source wants a browser and there is none."""
    if not source.browser:
        return
    if importlib.util.find_spec("scrapy_playwright") is None:
        raise ConfigError(
            f"{source.name}: browser: true needs scrapy-playwright, which is not installed: "
            "pip install --no-deps -r requirements/browser.txt"
        )
    if any(settings.get(name) for name in _REMOTE):
        return
    path = _executable(settings)
    if path is None and not _playwrights_own().is_dir():
        raise ConfigError(
            f"{source.name}: browser: true needs a Chromium, and there is none: install your system's "
            "(Debian: apt-get install chromium), or `playwright install chromium`"
        )
    if path is not None and shutil.which(path) is None:
        raise ConfigError(f"{source.name}: PLAYWRIGHT_LAUNCH_OPTIONS: executable_path {path} is no program")


def set_browser(source: Source, settings: BaseSettings) -> None:
    """Register the browser for https, or for http where that is the source's own. Raises ConfigError.

    For one scheme alone: each would start a driver and a browser of its own. Signals are left to Scrapy: a browser that
    ends by itself at Ctrl-C takes the pages in hand along.
    """
    check_browser(source, settings)
    handlers = {**settings.getdict("DOWNLOAD_HANDLERS"), source.url.partition(":")[0]: HANDLER}
    settings.set("DOWNLOAD_HANDLERS", handlers, priority="spider")
    args = ["--disable-dev-shm-usage", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        args.append("--no-sandbox")  # Chromium's sandbox refuses to run as root, as in most containers
    path = _executable(settings)
    given = settings.getdict("PLAYWRIGHT_LAUNCH_OPTIONS")
    launch = {"headless": True, **({"executable_path": path} if path else {}), **given}
    launch["args"] = [*args, *given.get("args", [])]
    launch |= {"handle_sigint": False, "handle_sigterm": False, "handle_sighup": False}
    settings.set("PLAYWRIGHT_LAUNCH_OPTIONS", launch, priority="cmdline")  # what the command line says is in it
    settings.set("PLAYWRIGHT_BROWSER_TYPE", "chromium", priority="spider")
    settings.set("PLAYWRIGHT_PROCESS_REQUEST_HEADERS", None, priority="spider")  # else two agents are told
    settings.set("PLAYWRIGHT_ABORT_REQUEST", is_unwanted, priority="spider")
    milliseconds = 1000 * settings.getfloat("DOWNLOAD_TIMEOUT")
    settings.set("PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT", milliseconds, priority="spider")
    if not settings.get("BROWSER_USER_AGENT") and not any(settings.get(name) for name in _REMOTE):
        settings.set("BROWSER_USER_AGENT", user_agent(path), priority="spider")


def is_unwanted(request: Any) -> bool:
    """Whether a page's own request is for what no parser reads: pictures are fetched directly, and only some."""
    return request.resource_type in _UNWANTED


def user_agent(path: str | None) -> str:
    """The agent that this Chromium has with a window; without one it says that it has none, and is turned away."""
    if path is None:
        said = _packaged_version()
    else:
        try:
            done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"{path} --version: {error}") from error
        said = done.stdout
    found = re.search(r"\b(\d+)\.\d+", said)
    if found is None:
        raise ConfigError(f"{path} --version says {said[:100]!r}: not a version of Chromium")
    system = _SYSTEMS.get(sys.platform, "X11; Linux x86_64")
    return f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{found[1]}.0.0.0 Safari/537.36"


def _executable(settings: BaseSettings) -> str | None:
    """The path given, else none where Playwright has a Chromium of its own, else the system's."""
    given: str | None = settings.getdict("PLAYWRIGHT_LAUNCH_OPTIONS").get("executable_path")
    if given or any(_playwrights_own().glob("chromium*")):
        return given
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


def _playwrights_own() -> Path:
    """Where ``playwright install`` puts its browsers."""
    if chosen := os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Path(chosen)
    caches = {"darwin": "Library/Caches", "win32": "AppData/Local"}
    return Path.home() / caches.get(sys.platform, ".cache") / "ms-playwright"


def _packaged_version() -> str:
    spec = importlib.util.find_spec("playwright")
    assert spec is not None
    assert spec.origin is not None
    listed = json.loads((Path(spec.origin).parent / "driver/package/browsers.json").read_text("utf-8"))["browsers"]
    return str(next(entry["browserVersion"] for entry in listed if entry["name"] == "chromium"))
