"""Profile pages for reference sites: who has one, what is on it, and how a search for each person should end.

A site adds only how its addresses look (``Address``) and its markup; the trouble is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from enrich.demo.cast import Person
from enrich.demo.trouble import GOOD, TROUBLE, TWIN, bad_drawing, good_drawing, seed_of
from enrich.demo.truth import ABSENT, Drawing, Lookup, Mode, Page, Picture, Verdict

Kind = Literal["profile", "upload", "gallery", "related", "stray"]
"""Where on a page a picture stands."""


Address = Callable[[Kind, str, int], str]
"""How a site's image addresses look: kind, page title and number to a path below the world's root, percent-encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who has a page on a site. ``by_url``: their page is stored at the stash-box; others are found by name only."""

    site: str
    by_url: tuple[str, ...]
    by_name: tuple[str, ...] = ()
    by_alias: tuple[str, ...] = ()
    retitled: Mapping[str, str]
    """Person -> the name that their page carries where it is not the person's own."""
    other_woman: Mapping[str, str]
    """Person -> the stranger whose page is served in their place."""
    gone: tuple[str, ...]
    """Whose stored address leads to a page of search results."""
    planted: Mapping[str, tuple[str, ...]]
    only: frozenset[str] | None = frozenset({"FEMALE", "TRANSGENDER_FEMALE"})
    """Genders the site is searched for; people of unknown gender are always searched for."""
    extras: bool = True
    """Whether the further invented people have pages here, too."""
    portraits: int = 3
    """Good pictures on every profile."""
    in_galleries: int | None = None
    """Pictures in galleries; ``None``: one on every fourth page, and an upload on every third."""
    namesakes: Mapping[str, str] = field(default_factory=dict)
    """Person with the name of another -> what tells the addresses of their page and pictures apart."""


def pages(plan: Plan, address: Address, people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every page of a site."""
    extras = tuple(key for key in people if plan.extras and key.startswith("extra"))
    found = []
    for key in (*plan.by_url, *plan.by_name, *plan.by_alias, *extras):
        if key in plan.gone or key in plan.other_woman:
            continue
        found.append(_page(plan, address, people, people[key], seed))
    for asked, stranger in plan.other_woman.items():
        found.append(_page(plan, address, people, people[stranger], seed, instead_of=people[asked]))
    return tuple(found)


def lookups(plan: Plan, people: Mapping[str, Person], all_pages: tuple[Page, ...]) -> tuple[Lookup, ...]:
    """How the search for every listed adult should end, by stored address and by name."""
    served = {name.casefold(): page for page in all_pages for name in page.answers_to}
    found = []
    for person in people.values():
        if not person.listed or not person.adult:
            continue
        if plan.only is not None and person.gender not in (None, *plan.only):
            found += [_lookup(plan, person, mode, "absent", "skipped") for mode in _modes(plan, person)]
            continue
        for mode in _modes(plan, person):
            page = served.get((person.name + plan.namesakes.get(person.key, "")).casefold())
            if page is None and mode == "name":
                page = next((served[a.casefold()] for a in person.aliases if a.casefold() in served), None)
            if page is None:
                found.append(_lookup(plan, person, mode, "not_found"))
            elif page.person != person.key:
                found.append(_lookup(plan, person, mode, "wrong_person", page=page))
            else:
                found.append(_lookup(plan, person, mode, "done", page=page))
    return tuple(found)


def _modes(plan: Plan, person: Person) -> tuple[Mode, ...]:
    stored = person.key in plan.by_url or (plan.extras and person.key.startswith("extra"))
    return ("url", "name") if stored else ("name",)


def _lookup(plan: Plan, person: Person, mode: Mode, *outcomes: str, page: Page | None = None) -> Lookup:
    title = page.title if page else None
    return Lookup(site=plan.site, person=person.key, mode=mode, outcomes=outcomes, page=title)


def _page(
    plan: Plan,
    address: Address,
    people: Mapping[str, Person],
    person: Person,
    seed: int,
    instead_of: Person | None = None,
) -> Page:
    """One person's page; ``instead_of``: who is asked for when this page is served by mistake."""
    at = list(people).index(person.key)
    neighbour = people["odile"]
    others = [other for other in people.values() if other.listed and other.adult and other is not person]
    title = person.aliases[0] if person.key in plan.by_alias else plan.retitled.get(person.key, person.name)
    apart = plan.namesakes.get(person.key, "")
    make = _Pictures(plan, address, title + apart, person, seed, instead_of)
    profile = [make.own("profile", number) for number in range(plan.portraits)]
    if person.key == "ada" and plan.portraits > 2:
        again = good_drawing("ada", seed_of(seed, "stashdb", "ada", 1))
        profile[2] = make.own("profile", 2, again, TWIN[::-1], "twin_of_stashdb")
    if person.key == "orla" and plan.portraits > 2:
        drawing = good_drawing("orla", seed_of(seed, "stashdb", "orla", 0))
        smaller = replace(drawing, saved_px=max(drawing.width_px, drawing.height_px) * 9 // 10)
        profile[1] = make.own("profile", 1, smaller, TWIN[::-1], "version_of_stashdb")
    for plant in plan.planted.get(person.key, ()):
        trouble = TROUBLE[plant]
        drawing = bad_drawing(trouble, person.key, neighbour.key, seed_of(seed, plan.site, person.key, plant))
        profile.append(make.own("profile", len(profile), drawing, trouble.expected, plant))
    names = (person.name + apart,) if instead_of is None else (instead_of.name,)
    by_chance = plan.in_galleries is None
    in_gallery = range(int(at % 4 == 1) if plan.in_galleries is None else plan.in_galleries)
    return Page(
        site=plan.site,
        person=person.key,
        title=title,
        answers_to=(title,) if person.key in plan.by_alias else names if instead_of else (title + apart, *names),
        aliases=tuple(name for name in dict.fromkeys([person.name, *person.aliases]) if name != title),
        profile=tuple(profile),
        uploads=(make.own("upload", 0),) if at % 3 == 0 and by_chance else (),
        gallery=tuple(make.own("gallery", number) for number in in_gallery),
        stranger_upload=make.stranger("upload", 9, neighbour) if at % 2 and by_chance else None,
        related=tuple(make.stranger("related", number, others[(at * 3 + number) % len(others)]) for number in (0, 1)),
        stray=(make.stranger("stray", 0, neighbour),),
    )


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Makes the pictures of one page."""

    plan: Plan
    address: Address
    title: str
    person: Person
    seed: int
    instead_of: Person | None

    def own(
        self,
        kind: Kind,
        number: int,
        drawing: Drawing | None = None,
        expected: tuple[Verdict, ...] = GOOD,
        plant: str | None = None,
    ) -> Picture:
        """A picture of the page's person; nobody may ask for it where the page is served by mistake."""
        only = self.plan.only
        wanted = self.instead_of is None and (only is None or self.person.gender in (None, *only))
        return Picture(
            path=self.address(kind, self.title, number),
            site=self.plan.site,
            drawing=drawing or self._good(kind, number, self.person),
            listed_for=(self.instead_of or self.person).key,
            expected=expected if wanted else (ABSENT,),
            may_request=wanted,
            modes=_modes(self.plan, self.instead_of or self.person),
            plant="other_person" if self.instead_of else plant,
        )

    def stranger(self, kind: Kind, number: int, who: Person) -> Picture:
        """A picture of somebody else, which nobody may ask for."""
        return Picture(
            path=self.address(kind, self.title, number),
            site=self.plan.site,
            drawing=self._good(kind, number, who),
            listed_for=None,
            expected=(ABSENT,),
            may_request=False,
            modes=_modes(self.plan, self.instead_of or self.person),
            plant="stranger",
        )

    def _good(self, kind: Kind, number: int, who: Person) -> Drawing:
        return good_drawing(who.key, seed_of(self.seed, self.plan.site, self.person.key, kind, number))
