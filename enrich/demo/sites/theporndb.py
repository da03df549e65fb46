"""ThePornDB by REST: Laravel's envelope, PHP's JSON, a bearer token, and pictures on what stands for another host."""

from __future__ import annotations

from math import ceil
from typing import Any

from aiohttp import web

from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person, stash_id
from enrich.demo.sites.theporndb_records import CDN, LINKED, NAME, SHARED, TWINS
from enrich.demo.truth import Record, World

API_KEY = "demo-key"
"""The token that the demo's API accepts."""
MOST_PER_PAGE = 5
"""The API's own maximum, whatever it is asked for."""

Row = dict[str, Any]
_GENDERS = {
    "FEMALE": "Female",
    "MALE": "Male",
    "TRANSGENDER_FEMALE": "Trans Female",
    "TRANSGENDER_MALE": "Trans Male",
    "NON_BINARY": "Non Binary",
}


class ThePornDB:
    """The API under ``/theporndb`` and its pictures under ``/theporndb-cdn``, where the token must never be seen."""

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        self._answers = answers
        records = [record for record in world.records if record.site == NAME]
        self._rows = [_row(record, world.people[record.person], at) for at, record in enumerate(records)]
        self._pictures = {picture.path: picture for record in records for picture in record.pictures}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"/{NAME}/performers", self._list),
            web.get(f"/{NAME}/performers/{{key}}", self._one),
            web.get(f"{CDN}/{{file:.+}}", self._image),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        if not _knows(request):
            return _unauthenticated()
        try:
            page, asked = int(request.query.get("page", "1")), int(request.query.get("per_page", "25"))
        except ValueError:
            problem = "The page field must be an integer."
            return web.json_response({"message": problem, "errors": {"page": [problem]}}, status=422)
        size = max(1, min(asked, MOST_PER_PAGE))
        first = (max(page, 1) - 1) * size
        rows = self._rows[first : first + size]
        base = f"{request.scheme}://{request.host}"
        path = f"{base}/{NAME}/performers"
        last = max(1, ceil(len(self._rows) / size))
        links = {
            "first": f"{path}?page=1",
            "last": f"{path}?page={last}",
            "prev": f"{path}?page={page - 1}" if page > 1 else None,
            "next": f"{path}?page={page + 1}" if page < last else None,
        }
        meta: Row = {
            "current_page": page,
            "from": first + 1 if rows else None,
            "last_page": last,
            "links": [],
            "path": path,
            "per_page": str(size),
            "to": first + len(rows) if rows else None,
            "total": len(self._rows),
        }
        return web.json_response({"data": [_placed(row, base) for row in rows], "links": links, "meta": meta})

    async def _one(self, request: web.Request) -> web.Response:
        if not _knows(request):
            return _unauthenticated()
        key = request.match_info["key"]
        row = next((row for row in self._rows if key in (row["id"], row["slug"], str(row["_id"]))), None)
        if row is None:
            return web.json_response({"message": "No query results for model."}, status=404)
        return web.json_response({"data": _placed(row, f"{request.scheme}://{request.host}")})

    async def _image(self, request: web.Request) -> web.StreamResponse:
        """A picture, for nobody who shows the API's token to its host."""
        if "Authorization" in request.headers:
            return web.Response(status=403, text="a token has no business here")
        return await self._answers.answer(self._pictures.get(request.path))


def _knows(request: web.Request) -> bool:
    return request.headers.get("Authorization") == f"Bearer {API_KEY}"


def _unauthenticated() -> web.Response:
    return web.json_response({"message": "Unauthenticated."}, status=401)


def _placed(row: Row, base: str) -> Row:
    """The row with the addresses of its pictures completed."""

    def url(path: str | None) -> str | None:
        return None if path is None else base + path

    posters = [{**poster, "url": url(poster["url"])} for poster in row["posters"] or ()]
    return {
        **row,
        "face": url(row["face"]),
        "image": url(row["image"]),
        "thumbnail": url(row["image"]),
        "posters": posters or row["posters"],
    }


def _row(record: Record, person: Person, at: int) -> Row:
    """A record as the API hands it out: what is not there is null, an empty list, or left out."""
    faces = [picture.path for picture in record.pictures if f"{CDN}/faces/" in picture.path]
    posters = [picture.path for picture in record.pictures if f"{CDN}/posters/" in picture.path]
    stands_in = [picture.path for picture in record.pictures if picture.path.endswith("male.png")]
    listed = [
        {"id": 100 * at + number, "url": path, "size": 90_000 + number, "order": number if at % 2 else str(number)}
        for number, path in enumerate(posters)
    ]
    slug = f"{person.key.replace('_', '-')}-{at}"
    row: Row = {
        "id": record.source_id,
        "_id": at + 1 if at % 3 else str(at + 1),
        "slug": slug,
        "name": record.name,
        "full_name": person.name,
        "disambiguation": person.disambiguation or "",
        "bio": None,
        "rating": "0",
        "is_parent": record.parent_id is None,
        "aliases": ", ".join(person.aliases) if at % 2 else list(person.aliases),
        # The picture is often a poster again.
        "image": next(iter(stands_in or posters), None),
        "face": next(iter(faces), None),
        "posters": list(reversed(listed)) if listed else None if at % 2 else [],
    }
    if record.parent_id is not None:
        return {**row, "parent": {"id": record.parent_id, "name": person.name}, "extra": _extras(person, at)}
    return {**row, "extras": _extras(person, at)}


def _extras(person: Person, at: int) -> Row:
    born = person.birth_date if person.birth_date is None or at % 2 else f"{person.birth_date} 00:00:00"
    return {
        "gender": _GENDERS.get(person.gender or ""),
        "birthday": born,
        "deathday": person.death_date,
        "birthplace_code": person.country,
        "ethnicity": person.ethnicity.capitalize() if person.ethnicity else None,
        "hair_colour": person.look.hair_colour.capitalize(),
        "eye_colour": person.look.eye_colour.capitalize(),
        "height": f"{person.height_cm}cm" if person.height_cm else None,
        "tattoos": "; ".join(where for where, _ in person.tattoos) or "None",
        "piercings": "; ".join(where for where, _ in person.piercings) or None,
        "career_start_year": str(person.career_start_year) if person.career_start_year else None,
        "career_end_year": person.career_end_year,
        "links": _links(person),
    }


def _links(person: Person) -> Row | list[Any]:
    """By site, each a text or a list; the stash-box's page with a slash at its end, as people paste it."""
    if person.key in LINKED:
        page = f"https://stashdb.org/performers/{stash_id(person.key)}/"
        return {"StashDB": [page] if person.key == TWINS else page, "Homepage": list(person.urls[-1:])}
    return {"IMDb": [url for url in person.urls if "imdb.com" in url]} if person.key in SHARED else []
