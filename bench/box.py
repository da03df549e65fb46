"""A stash-box that answers from memory: as little work as can be, in a process of its own. Prints its port."""

from __future__ import annotations

import asyncio
import json
import socket
import sys

from aiohttp import web

from bench.corpus import marked, portraits


def application(people: list[list[bytes]], copies: int, base: str) -> web.Application:
    """The API at /graphql and the pictures at /images/<performer>-<n>."""
    performers = [
        {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "name": f"Bench Person {number}",
            "aliases": [],
            "deleted": False,
            "merged_ids": [],
            "urls": [],
            "images": [
                {"id": f"{number}-{n}", "url": f"{base}/images/{number}-{n}", "width": 512, "height": 512}
                for n in range(len(people[number % len(people)]))
            ],
        }
        for number in range(copies * len(people))
    ]

    async def graphql(request: web.Request) -> web.Response:
        asked = (await request.json())["variables"]["input"]
        first = (asked["page"] - 1) * asked["per_page"]
        page = performers[first : first + asked["per_page"]]
        return web.json_response({"data": {"queryPerformers": {"count": len(performers), "performers": page}}})

    async def picture(request: web.Request) -> web.Response:
        number, n = map(int, request.match_info["name"].split("-"))
        copy, person = divmod(number, len(people))
        return web.Response(body=marked(people[person][n], copy), content_type="image/jpeg")

    app = web.Application()
    app.router.add_post("/graphql", graphql)
    app.router.add_get("/images/{name}", picture)
    return app


async def main(copies: int) -> None:
    """Serve until stdin closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = application(portraits(1), copies, f"http://127.0.0.1:{port}")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print(json.dumps({"port": port}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
