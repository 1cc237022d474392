"""The bibliography: each entry agrees with itself, in its key, its year and its numbers."""

import copy
import re
import unicodedata

import pytest
from pybtex.database import parse_file
from small_book import ROOT

ENTRIES = parse_file(ROOT / "chapters/references.bib", "bibtex").entries
# What an entry of a kind needs, so that a reader can find the publication.
PLACE = {
    "article": {"journal"},
    "inproceedings": {"booktitle"},
    "incollection": {"booktitle", "publisher"},
    "book": {"publisher"},
    "misc": {"eprint", "howpublished"},
}


def plain(name):
    """Return the ASCII letters of a name, in lower case."""
    letters = unicodedata.normalize("NFKD", name).lower()
    return re.sub("[^a-z]", "", letters)


def problems(entries):
    """Yield what is wrong with the entries: (what, key)."""
    if [key.lower() for key in entries] != sorted(key.lower() for key in entries):
        yield "the keys do not ascend", None
    for number in ("eprint", "doi"):
        found = [entry.fields.get(number, "").lower() for entry in entries.values()]
        for key, entry in entries.items():
            if found.count(entry.fields.get(number, key).lower()) > 1:
                yield "two entries have one number", key
    for key, entry in entries.items():
        name, year, _ = re.fullmatch(r"([a-z]+)(\d{4})(\w+)", key).groups()
        if entry.fields.get("year") != year:
            yield "the year is not that of the key", key
        if name not in plain(str(entry.persons["author"][0])):
            yield "the first author is not that of the key", key
        if not PLACE[entry.type] & set(entry.fields):
            yield "nobody says where it was published", key
        yield from problems_of_a_preprint(key, entry, int(year))
        pages = entry.fields.get("pages", "1--2")
        first, _, last = pages.partition("--")
        if last and int(first) >= int(last):
            yield "the pages do not ascend", key


def problems_of_a_preprint(key, entry, year):
    eprint = entry.fields.get("eprint")
    if (eprint is None) != ("archiveprefix" not in entry.fields):
        yield "a number without its archive, or an archive without a number", key
    if eprint is None:
        return
    match = re.fullmatch(r"(\d\d)(\d\d)\.(\d{4,5})", eprint)
    if not match or not 1 <= int(match[2]) <= 12 or (len(match[3]) == 5) != (eprint >= "1501"):
        yield "this is no number of arXiv", key
        return
    later = year - 2000 - int(match[1])
    if later < 0 or later > (0 if entry.type == "misc" else 2):
        yield "the year is not that of the preprint, or soon after it", key


def test_the_bibliography_has_no_problem():
    assert list(problems(ENTRIES)) == []


def change(key, **fields):
    return lambda entries: entries[key].fields.update(fields)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (change("dao2022flashattention", year="2023"), "the year is not that of the key"),
        (change("dao2022flashattention", eprint="2305.14135"),
         "the year is not that of the preprint, or soon after it"),
        (change("galassi2021attention", eprint="1802.02181"),
         "the year is not that of the preprint, or soon after it"),
        (change("child2019generating", eprint="1804.10509"),
         "the year is not that of the preprint, or soon after it"),
        (change("dao2022flashattention", eprint="2205.1413"), "this is no number of arXiv"),
        (change("dao2022flashattention", eprint="2213.14135"), "this is no number of arXiv"),
        (change("dao2022flashattention", eprint="1706.03762"), "two entries have one number"),
        (change("jain2019attention", doi="10.18653/v1/D19-1002"), "two entries have one number"),
        (change("jain2019attention", pages="3556--3543"), "the pages do not ascend"),
        (lambda entries: entries["dao2022flashattention"].fields.pop("archiveprefix"),
         "a number without its archive, or an archive without a number"),
        (lambda entries: entries["hebb1949organization"].fields.pop("publisher"),
         "nobody says where it was published"),
        (lambda entries: entries["dao2022flashattention"].persons["author"].reverse(),
         "the first author is not that of the key"),
        (lambda entries: entries.update(ainslie2023gqa=entries.pop("ainslie2023gqa")),
         "the keys do not ascend"),
    ],
)  # fmt: skip
def test_a_broken_bibliography_is_noticed(broken, what):
    entries = copy.deepcopy(dict(ENTRIES.items()))
    assert not list(problems(entries))
    broken(entries)
    assert what in {found for found, _ in problems(entries)}
