"""``python -m enrich.demo [--port N] [--seed N] [--performers N]``: serve the demo world on 127.0.0.1."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import cv2

from enrich.demo.server import serve
from enrich.demo.world import SEED, build_world
from enrich.errors import EnrichError


def _announce(port: int) -> None:
    print(json.dumps({"port": port}), flush=True)


def main() -> int:
    """Serve until stopped; 1, with one line on stderr, if serving cannot begin."""
    parser = argparse.ArgumentParser(prog="python -m enrich.demo", description="Serve the demo world on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument("--seed", type=int, default=SEED, help="varies the pictures, not the people")
    parser.add_argument(
        "--performers", type=int, default=30, help="how many performers the stash-box holds, 30 or more"
    )
    asked = parser.parse_args()
    cv2.setNumThreads(1)  # two pictures are drawn at a time; OpenCV's own threads would only get in their way
    try:
        asyncio.run(serve(build_world(asked.seed, asked.performers), asked.port, listening=_announce))
    except EnrichError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
