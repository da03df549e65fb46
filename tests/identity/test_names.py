"""When two names are one, and what of a text is a name."""

from __future__ import annotations

import pytest

from enrich.identity import clean_text, name_key, names_match, same_name


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Zoë  Renée O'Ex-ample", "zoereneeoexample"),
        ("Zoe\u0308", "zoe"),
        ("Łucja Ødegård ß", "lucjaodegardss"),
        ("\uff2a\uff41\uff4e\uff45", "jane"),
        ("Jane Example 2", "janeexample2"),
        ("波多野 結衣", "波多野結衣"),
        ("ﾊﾀﾉ・ユイ", "ハタノユイ"),
        ("か\u3099", "が"),
        ("佐々木", "佐々木"),
        ("Анна", "анна"),
        ("İpek", "ipek"),
        (" -'.", ""),
        ("", ""),
    ],
)
def test_name_key(name: str, key: str) -> None:
    assert name_key(name) == key


def test_same_name() -> None:
    assert same_name("Mary-Jane O'Dell", "mary jane odell")
    assert not same_name("Janet Doe", "Janet Mason")
    assert not same_name("...", "!!!")


def test_names_match_gives_the_name_as_the_page_writes_it() -> None:
    assert names_match(["zoe renee", "Z. R."], ["Other", "Zoë Renée"]) == "Zoë Renée"
    assert names_match(["Janet Doe", "Janet"], ["Janet Mason", "J. Mason"]) is None
    assert names_match([], ["Jane"]) is None
    assert names_match(["!"], ["?"]) is None


def test_names_match_in_either_order_only_where_asked() -> None:
    assert names_match(["Yui Example"], ["Example Yui"]) is None
    assert names_match(["Yui Example"], ["Example Yui"], either_order=True) == "Example Yui"
    assert names_match(["Yui Ann Example"], ["Example Ann Yui"], either_order=True) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Ruby &lt;3\u00a0 M\u200barlowe\n", "Ruby <3 M\u200barlowe"),
        ("Ja\x00ne", "Jane"),
        ("UNKNOWN", None),
        ("N/A", None),
        ("", None),
        (None, None),
        (0, None),
    ],
)
def test_clean_text(value: object, text: str | None) -> None:
    assert clean_text(value) == text
