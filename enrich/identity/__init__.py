"""Who is who: the identity of a performer's web page, how names are compared, who is of age."""

from enrich.identity.age import is_adult, partial_date, youngest_birthday
from enrich.identity.names import clean_text, name_key, names_match, same_name
from enrich.identity.sites import add_site
from enrich.identity.urls import UrlIdentity, host_of, identify

__all__ = [
    "UrlIdentity",
    "add_site",
    "clean_text",
    "host_of",
    "identify",
    "is_adult",
    "name_key",
    "names_match",
    "partial_date",
    "same_name",
    "youngest_birthday",
]
