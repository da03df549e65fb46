"""A stash-box: GraphQL over HTTP, executed against a schema with the shapes of the real server; and its images."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from graphql import GraphQLError, GraphQLResolveInfo, build_schema, execute_sync, parse, validate

from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import NAMESPACE, Person
from enrich.demo.truth import Record, World

API_KEY = "demo-key"
"""The key that the demo's stash-box accepts."""

Row = dict[str, Any]
_FIRST_DAY = datetime(2025, 1, 1, 12, tzinfo=UTC)
_VERSION = {"hash": "0000000", "build_time": "2025-01-01", "build_type": "DEMO", "version": "v0.0.0"}
_SORT_FIELDS = {
    "NAME": "name",
    "BIRTHDATE": "birth_date",
    "DEATHDATE": "death_date",
    "SCENE_COUNT": "scene_count",
    "CAREER_START_YEAR": "career_start_year",
    "CREATED_AT": "created",
    "UPDATED_AT": "updated",
}


class StashBox:
    """One stash-box under ``/<name>``; the server's own tie order is the order of its records."""

    def __init__(self, world: World, answers: PictureAnswers, name: str) -> None:
        self.name = name
        self._answers = answers
        records = [record for record in world.records if record.site == name]
        self._rows = [_row(record, world.people[record.person], at) for at, record in enumerate(records)]
        self._paths = {picture.path: picture for record in records for picture in record.pictures}
        self._schema = build_schema((resources.files(__package__) / "stash_box.graphql").read_text("utf-8"))
        fields = self._schema.query_type.fields if self._schema.query_type else {}
        fields["queryPerformers"].resolve = _for_readers(self._query_performers)
        fields["findPerformer"].resolve = _for_readers(self._find_performer)
        fields["searchPerformers"].resolve = _for_readers(self._search_performers)
        fields["searchPerformer"].resolve = _for_readers(
            lambda term, limit=None: self._search_performers(term, per_page=limit)["performers"]
        )
        fields["findSite"].resolve = _for_readers(lambda id: None)
        fields["querySites"].resolve = _for_readers(lambda: {"count": 0, "sites": []})
        fields["me"].resolve = _me
        fields["version"].resolve = lambda _root, _info: _VERSION

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.post(f"/{self.name}/graphql", self._graphql),
            web.get(f"/{self.name}/images/{{image}}", self._image),
        ]

    async def _graphql(self, request: web.Request) -> web.Response:
        key = request.headers.get("ApiKey")
        if key is not None and key != API_KEY:
            return web.Response(status=401)
        try:
            asked = json.loads(await request.read())
            document = parse(asked["query"])
            problems = validate(self._schema, document)
        except GraphQLError as error:
            problems = [error]
        except (ValueError, TypeError, KeyError):
            return _answer({"errors": [{"message": "json request body could not be decoded"}], "data": None}, 400)
        if problems:
            return _answer({"errors": [problem.formatted for problem in problems], "data": None}, 422)
        context = {"reader": key is not None, "base": f"{request.scheme}://{request.host}"}
        result = execute_sync(
            self._schema,
            document,
            context_value=context,
            variable_values=asked.get("variables"),
            operation_name=asked.get("operationName"),
        )
        if result.errors and any(error.path is None for error in result.errors):
            return _answer({"errors": [error.formatted for error in result.errors], "data": None}, 422)
        return _answer(dict(result.formatted), 200)

    async def _image(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("ApiKey")
        if key is not None and key != API_KEY:
            return web.Response(status=401)
        size = request.query.get("size", "full")
        try:
            uuid.UUID(request.match_info["image"])
        except ValueError:
            return web.Response(status=400)
        if size != "full" and not size.isdigit():
            return web.Response(status=400)
        picture = self._paths.get(request.path)
        longest = int(size) if size in ("300", "600", "1280") else None
        return await self._answers.answer(picture, longest)

    def _query_performers(self, input: Mapping[str, Any]) -> Row:
        rows = [row for row in self._rows if not row["deleted"] and _matches(row, input)]
        return _page(_sorted(rows, input["sort"], input["direction"]), input["page"], input["per_page"])

    def _find_performer(self, id: str) -> Row | None:
        return next((row for row in self._rows if row["id"] == id), None)

    def _search_performers(
        self,
        term: str,
        limit: int | None = None,
        page: int | None = None,
        per_page: int | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Row:
        wanted = term.casefold()
        rows = [row for row in self._rows if not row["deleted"] and wanted in _names(row)]
        return _page(rows, page or 1, per_page or limit or 10)


def _for_readers(answer: Callable[..., Any]) -> Callable[..., Any]:
    """A resolver that needs a key, as the real server's ``@hasRole(role: READ)``."""

    def resolve(_root: object, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if not info.context["reader"]:
            raise GraphQLError("not authorized")
        return answer(**arguments)

    return resolve


def _me(_root: object, info: GraphQLResolveInfo[Any]) -> Row | None:
    if not info.context["reader"]:
        return None
    return {"id": str(uuid.uuid5(NAMESPACE, "me")), "name": "demo", "roles": ["READ"]}


def _answer(body: Row, status: int) -> web.Response:
    return web.json_response(body, status=status)


def _matches(row: Row, asked: Mapping[str, Any]) -> bool:
    """The filters that the real server applies; it ignores the others without a word, and so does this one."""
    name, names, url, gender = (asked.get(key) for key in ("name", "names", "url", "gender"))
    if name and name.casefold() not in row["name"].casefold():
        return False
    if names and names.casefold() not in _names(row):
        return False
    if url and all(url != link["url"] for link in row["urls"]):
        return False
    return not gender or row["gender"] == (None if gender == "UNKNOWN" else gender)


def _names(row: Row) -> str:
    return "\n".join([row["name"], *row["aliases"]]).casefold()


def _sorted(rows: Sequence[Row], sort: str, direction: str) -> list[Row]:
    """Equal rows keep the server's own order in both directions: there is no tie-breaker."""
    key = _SORT_FIELDS.get(sort, "scene_count")
    known = sorted((row for row in rows if row[key] is not None), key=lambda row: row[key], reverse=direction == "DESC")
    return known + [row for row in rows if row[key] is None]


def _page(rows: Sequence[Row], page: int, per_page: int) -> Row:
    size = per_page if per_page > 0 else 25
    first = (max(page, 1) - 1) * size
    return {"count": len(rows), "performers": rows[first : first + size], "facets": {"genders": []}}


def _row(record: Record, person: Person, at: int) -> Row:
    """A record as the resolvers hand it out; the image address is completed from the request that asks."""

    def image_url(path: str) -> Callable[[GraphQLResolveInfo[Any]], str]:
        return lambda info: f"{info.context['base']}{path}"

    date = person.birth_date
    accuracy = {4: "YEAR", 7: "MONTH", 10: "DAY"}
    fuzzy = {"date": (date + "-01-01")[:10], "accuracy": accuracy[len(date)]} if date else None
    return {
        "id": record.source_id,
        "name": record.name,
        "disambiguation": person.disambiguation,
        "aliases": list(person.aliases),
        "gender": person.gender,
        "urls": [_link(url) for url in (*person.urls, *record.links)],
        "birthdate": fuzzy,
        "birth_date": date,
        "death_date": person.death_date,
        "age": None,
        "ethnicity": person.ethnicity,
        "country": person.country,
        "eye_color": person.look.eye_colour,
        "hair_color": person.look.hair_colour,
        "height": person.height_cm,
        "measurements": {},
        "career_start_year": person.career_start_year,
        "career_end_year": person.career_end_year,
        "tattoos": [{"location": where, "description": what} for where, what in person.tattoos] or None,
        "piercings": [{"location": where, "description": what} for where, what in person.piercings] or None,
        "images": [
            {
                "id": picture.path.rsplit("/", 1)[1],
                "url": image_url(picture.path),
                "width": picture.told_width_px,
                "height": picture.told_height_px,
            }
            for picture in record.pictures
        ],
        "deleted": record.deleted,
        "scene_count": (at * 7) % 40,
        "merged_ids": list(person.merged_ids),
        "merged_into_id": record.merged_into_id,
        "studios": [],
        "is_favorite": False,
        "created": f"{_FIRST_DAY - timedelta(days=at // 10):%Y-%m-%dT%H:%M:%SZ}",
        "updated": f"{_FIRST_DAY + timedelta(days=10 * at):%Y-%m-%dT%H:%M:%SZ}",
    }


def _link(url: str) -> Row:
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    name = {"babepedia.com": "Babepedia", "iafd.com": "IAFD", "twitter.com": "Twitter"}.get(host, "Homepage")
    site_id = str(uuid.uuid5(NAMESPACE, f"sites/{name}"))
    return {"url": url, "type": "HOME", "site": {"id": site_id, "name": name, "icon": ""}}
