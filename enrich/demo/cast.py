"""Who lives in the demo world. Every name is invented and every face is drawn; nobody here exists."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np

from enrich.demo.chance import look_from_seed
from enrich.demo.identities import FURTHER, SEEDS
from enrich.demo.look import PersonLook

NAMESPACE = uuid.UUID("6d0c3f0e-6f0b-4c55-9d53-5b1f7a1f0d11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One invented individual, as they really are. ``listed``: known to the stash-box; others only appear on sites."""

    key: str
    name: str
    look: PersonLook
    disambiguation: str | None = None
    aliases: tuple[str, ...] = ()
    gender: str | None = "FEMALE"
    birth_date: str | None = None
    death_date: str | None = None
    country: str | None = None
    ethnicity: str | None = None
    height_cm: int | None = None
    career_start_year: int | None = None
    career_end_year: int | None = None
    tattoos: tuple[tuple[str, str | None], ...] = ()
    piercings: tuple[tuple[str, str | None], ...] = ()
    urls: tuple[str, ...] = ()
    merged_ids: tuple[str, ...] = ()
    listed: bool = True

    @property
    def adult(self) -> bool:
        """False for the one planted record whose birth date makes the person a child."""
        return self.key != UNDERAGE


UNDERAGE = "kit"
"""The planted record with an impossible birth date; no face is ever drawn for it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the cast."""

    key: str
    name: str
    born: str | None = None
    country: str | None = None
    gender: str | None = "FEMALE"
    aliases: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    disambiguation: str | None = None
    listed: bool = True


_UNMEASURED = 1_000_000
"""From here on seeds are taken as they come."""
_BABE = "https://www.babepedia.com/babe/"
_CAST = (
    _Entry(
        "ada",
        "Ada Fennimore",
        "1990-02-11",
        "GB",
        urls=(_BABE + "Ada_Fennimore", "https://twitter.com/babepedia_fan_demo"),
    ),
    _Entry("zoe", "Zoë Lindqvist", "1993-07-30", "SE", urls=(_BABE + "Zo%C3%AB_Lindqvist",)),
    _Entry("orla", "Orla O'Dannagh", "1988-11-05", "IE", urls=(_BABE + "Orla_O'Dannagh",)),
    _Entry(
        "sarita",
        "Sarita St. Amory",
        "1985-12-20",
        "US",
        aliases=("Sarita", "S. Amory"),
        urls=(_BABE + "Sarita_St._Amory",),
    ),
    _Entry("meilan", "Mei-Lan Tarrow", "1996-04", "CA", urls=(_BABE + "Mei-Lan_Tarrow",)),
    _Entry("ruby", "Ruby <3 Marlow", "1994-01-17", "AU", aliases=("Ruby Marlow",)),
    _Entry("bell", "Bell & Starling", "1991", "NZ", aliases=("Bell Starling", "Bell & Starling")),
    _Entry(
        "hoshino",
        "Tamara Hoshino",
        "1992-09-09",
        "JP",
        aliases=("星野たまら", "Hoshino Tamara"),
        urls=(_BABE + "Tamara_Hoshino",),
    ),
    _Entry(
        "nina_dancer", "Nina Valecroft", "1987-03-14", "FR", disambiguation="dancer", urls=(_BABE + "Nina_Valecroft",)
    ),
    _Entry("nina_tallinn", "Nina Valecroft", "1998-10-02", "EE", disambiguation="Tallinn"),
    _Entry("bram", "Bram Okonjovey", "1984-06-21", "NL", "MALE", urls=(_BABE + "Bram_Okonjovey",)),
    _Entry("quill", "Quill Ashdowne", None, None, None, urls=(_BABE + "Quill_Ashdowne",)),
    _Entry("ilse", "Ilse Vargadunn", "1995-08-08", "HU", "TRANSGENDER_FEMALE", urls=(_BABE + "Ilse_Vargadunn",)),
    _Entry("wren", "Wren Castellane", "1999-05-25", "ES", "NON_BINARY", urls=("https://www.imdb.com/name/nm99999913",)),
    _Entry("tess", "Tess Brindle", "1989-01-03", "GB", urls=(_BABE + "Tess_Brindle",)),
    _Entry("dana", "Dana Whitlocke", "1990-10-10", "US", urls=(_BABE + "Dana_Whitlocke",)),
    _Entry("petra", "Petra Lumleigh", "1986-07-07", "CZ", urls=(_BABE + "Petra_Lumleigh",)),
    _Entry(
        "carmen", "Carmen Ostravia", "1983-02-28", "SK", aliases=("Carmen Ostra",), urls=(_BABE + "Carmen_Ostravia",)
    ),
    _Entry(UNDERAGE, "Kit Underhillow", "2019-05-04", None),
    _Entry("lola", "Lola Quennevelle", "1997-12-01", "BE", urls=(_BABE + "Lola_Quennevelle",)),
    _Entry("vesna", "Vesna Kolarić-Hartt", "1992-02-02", "HR", urls=(_BABE + "Vesna_Kolari%C4%87-Hartt",)),
    _Entry("imogen", "Imogen Thackerbee", "1991-11-19", "GB", urls=(_BABE + "Imogen_Thackerbee",)),
    _Entry("dalia", "Dalia Rosenthorne", "1994-06-06", "IL", urls=(_BABE + "Dalia_Rosenthorne",)),
    _Entry("xiomara", "Xiomara del Quince", "1993-03-23", "CO", urls=(_BABE + "Xiomara_del_Quince",)),
    _Entry("saoirse", "Saoirse Wickhamme", "1996-09-16", "IE", aliases=("Sersha Wicke",)),
    _Entry("noor", "Noor Halvorsenne", "1995-05-15", "NO"),
    _Entry("priya", "Priya Sandermeer", "1990-12-12", "IN", urls=(_BABE + "Priya_Sandermeer",)),
    _Entry("tove", "Tove Bjerkelunde", "1988-08-18", "DK"),
    _Entry("coralie", "Coralie D'Aubracq", "1997-04-04", "FR", urls=(_BABE + "Coralie_D%27Aubracq",)),
    _Entry("juno", "Juno 9 Larkspurr", "1998-01-29", "US", urls=(_BABE + "Juno_9_Larkspurr",)),
    _Entry("mirela", "Mirela Anghelsone", "1990-10-11", "RO", listed=False),
    _Entry("odile", "Odile Framboisier", "1992-05-05", "FR", listed=False),
    _Entry("sunniva", "Sunniva Aldermoor", "1993-09-21", "NO", aliases=("Sunny Aldermoor",), listed=False),
    _Entry("maren", "Maren Thistleveld", "1995-02-14", "NL", listed=False),
    _Entry("anouk", "Anouk Silverfen", "1991-04-18", "BE", listed=False),
    _Entry("runa", "Runa Kitashiro", "1996-11-30", "JP", aliases=("北白るな", "Kitashiro Runa"), listed=False),
    _Entry("greer", "Greer Palmetto", "1994-08-02", "US", listed=False),
)
_FIRST = (
    "Alba", "Berit", "Cleo", "Dorte", "Esme", "Fenna", "Gaia", "Hedda", "Inka", "Jorun", "Kaia", "Liv", "Mina", "Nell",
)  # fmt: skip
_LAST = (
    "Ambersley", "Brackenrose", "Corvidale", "Dunmarrow", "Elderquist", "Farrowmint", "Glimmerby", "Hazelvane",
    "Ivoryset",
)  # fmt: skip


def stash_id(key: str, site: str = "stashdb") -> str:
    """The id of a person (or of anything with a key) at a stash-box."""
    return str(uuid.uuid5(NAMESPACE, f"{site}/performers/{key}"))


def cast(performers: int = 30) -> tuple[Person, ...]:
    """Everybody: the hand-written cast, and further invented people when more performers are wanted."""
    listed = sum(entry.listed for entry in _CAST)
    entries = [*_CAST, *(_extra(number) for number in range(max(0, performers - listed)))]
    further = iter([*FURTHER, *range(_UNMEASURED, _UNMEASURED + performers)])
    people = []
    for entry in entries:
        seed = SEEDS[entry.key] if entry.key in SEEDS else next(further) if entry.key != UNDERAGE else 0
        people.append(_person(entry, look_from_seed(seed, masculine=entry.gender == "MALE")))
    return tuple(people)


def _extra(number: int) -> _Entry:
    first = _FIRST[number % len(_FIRST)]
    last = _LAST[(number // len(_FIRST)) % len(_LAST)]
    round_ = number // (len(_FIRST) * len(_LAST))
    name = f"{first} {last}" + (f" {round_ + 1}" if round_ else "")
    return _Entry(
        f"extra{number:04d}",
        name,
        f"19{80 + number % 19}-0{1 + number % 9}-1{number % 10}",
        "DE",
        urls=(_BABE + name.replace(" ", "_"),),
    )


def _person(entry: _Entry, look: PersonLook) -> Person:
    rng = np.random.default_rng([look.seed, 41])
    start = int(entry.born[:4]) + 20 + int(rng.integers(0, 6)) if entry.born and entry.key != UNDERAGE else None
    tone = sum(look.skin) / 3
    ethnicity = "CAUCASIAN" if tone > 0.66 else "LATIN" if tone > 0.5 else "BLACK"
    urls = (
        *entry.urls,
        f"https://{entry.key.replace('_', '-')}.example/",
    )
    luck = int(rng.integers(0, 4))
    return Person(
        key=entry.key,
        name=entry.name,
        look=look,
        disambiguation=entry.disambiguation,
        aliases=entry.aliases,
        gender=entry.gender,
        birth_date=entry.born,
        death_date="2018-03-05" if entry.key == "petra" else None,
        country=entry.country,
        ethnicity=None if entry.key in ("quill", UNDERAGE) else ethnicity,
        height_cm=None if luck == 0 or entry.key == UNDERAGE else int(rng.integers(152, 184)),
        career_start_year=start,
        career_end_year=start + 6 if start and luck == 2 else None,
        tattoos=(("Left forearm", "a heron"), ("Right ankle", None)) if luck == 1 else (),
        piercings=(("Ears", None),) if luck in (1, 2) else (),
        urls=urls if entry.key != UNDERAGE else (),
        merged_ids=(stash_id("carmen_merged"),) if entry.key == "carmen" else (),
        listed=entry.listed,
    )
