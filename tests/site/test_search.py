"""The search finds every Chinese name of the glossary, whole or in part, and leads to its entry."""

import re
from functools import cache
from urllib.parse import quote, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import HTML, PAGES, SIZES, each_size, views

GLOSSARY = "chapters/glossary.html"
CHAPTER = "chapters/part1/scaled_dot_product.html"


@cache
def names():
    """Return the Chinese names of the glossary, each with the entries that it stands for."""
    page = BeautifulSoup((HTML / GLOSSARY).read_text("utf-8"), "html.parser")
    rows = page.select("table")[-1].select("tbody tr")
    found = {}
    for row in rows:
        name = row.td.get_text().partition(" → ")[0]
        found[name] = [link["href"].partition("#")[2] for link in row.select("a[href*='#']")]
    return found


def entries():
    """Return the Chinese names with which the glossary's entries open."""
    page = BeautifulSoup((HTML / GLOSSARY).read_text("utf-8"), "html.parser")
    opening = [entry.get_text().partition(". ")[0] for entry in page.select("dl.glossary dd")]
    chinese = re.compile(r"(?:softmax|KV)?[\u4e00-\u9fff]+")
    return {name for text in opening for name in chinese.findall(text)}


def results(page):
    page.wait_for_function("document.querySelector('.search-summary')?.textContent")
    links = page.locator("ul.search a").evaluate_all("links => links.map(link => link.href)")
    return [link.rpartition("/chapters/")[2] for link in links]


def test_the_table_has_every_name_of_the_entries():
    assert len(names()) > 100
    assert entries() <= names().keys()


def ask(page, queries):
    """Return for each query the addresses that the search page finds, the best first."""
    found = page.evaluate(
        """queries => queries.map(query => Search._performSearch(...Search._parseQuery(query))
            .reverse().map(([page, , place]) => `${page}.html${place}`))""",
        list(queries),
    )
    return {
        query: [address.removeprefix("chapters/") for address in addresses]
        for query, addresses in zip(queries, found, strict=True)
    }


def test_what_is_found_is_what_is_shown(open_page):
    page = open_page("search.html?q=" + quote("soft max"))
    assert len(results(page)) > 3
    assert ask(page, ["soft max"]) == {"soft max": results(page)}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_every_chinese_name_leads_to_its_entry(open_page, address, scheme):
    start = address if scheme == "http" else HTML.as_uri()
    page = open_page("", at=f"{start}/search.html")
    page.wait_for_function("Search.hasIndex()")
    wrong = {}
    for name, found in ask(page, names()).items():
        wanted = [f"glossary.html#{place}" for place in names()[name]]
        if found[:1] != wanted[:1] or not set(wanted) <= set(found):
            wrong[name] = found[:3]
    assert not wrong
    assert not page.complaints


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_part_of_a_name_leads_to_its_entry(open_page, address, length):
    page = open_page("search.html")
    parts = {}
    for name, places in names().items():
        chinese = re.sub("[A-Za-z]+", "", name)
        if len(chinese) > length:
            for part in (chinese[:length], chinese[-length:]):
                parts.setdefault(part, set()).add(f"glossary.html#{places[0]}")
    page.wait_for_function("Search.hasIndex()")
    found = ask(page, parts)
    assert len(parts) > 40
    assert not {part: wanted for part, wanted in parts.items() if wanted - set(found[part])}


WORDS = {
    "softmax": "glossary.html#term-softmax",
    "self-attention": "glossary.html#term-self-attention",
    "scaled dot-product attention": "part1/scaled_dot_product.html",
    "causal mask": "glossary.html#term-causal-mask",
    "Nadaraya": "part1/kernel_attention.html",
    "glimpse": "part1/visual_attention.html",
}
SECTIONS = {
    "why sqrt d_k": "part1/scaled_dot_product.html#why-divide-by-the-square-root",
    "why divide by sqrt(d_k)?": "part1/scaled_dot_product.html#why-divide-by-the-square-root",
    "uniform weights": "symptoms.html#all-weights-are-equal",
    "flat attention weights": "symptoms.html#all-weights-are-equal",
    "loss is nan": "symptoms.html#nan",
    "one hot attention": "symptoms.html#one-weight-is-1-from-the-first-step",
    "oom": "symptoms.html#slower-and-hungrier-than-it-should-be",
    "kv cache wrong": "symptoms.html#right-in-training-wrong-in-generation",
    "nondeterministic": "symptoms.html#another-answer-the-second-time",
    "look ahead mask": "glossary.html#term-causal-mask",
    "bahdanau vs luong": "faq.html#bahdanau-or-luong-what-is-the-difference",
    "soft max": "part1/scaled_dot_product.html#what-the-softmax-does",
    "why is attention slow": "symptoms.html#slower-and-hungrier-than-it-should-be",
    "attention": "glossary.html#term-attention",
    "temperature of softmax": "part1/scaled_dot_product.html#what-the-softmax-does",
    "saliency": "glossary.html#term-saliency-map",
}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_what_one_asks_leads_to_its_section(open_page, address, scheme):
    page = open_page("", at=f"{address if scheme == 'http' else HTML.as_uri()}/search.html")
    page.wait_for_function("Search.hasIndex()")
    found = ask(page, WORDS | SECTIONS)
    assert not {q: found[q][:5] for q, place in SECTIONS.items() if place not in found[q][:5]}
    assert not {query for query, place in WORDS.items() if place not in found[query]}
    assert all(len(places) == len(set(places)) for places in found.values())
    assert not page.complaints


def test_the_groups_of_synonyms_are_apart_and_of_use(open_page):
    """Nothing stands twice in a group, and of each group the book has a member."""
    page = open_page("search.html")
    groups, known = page.evaluate("[bookSections.synonyms, Object.keys(bookSections.words)]")
    assert len(groups) >= 20
    for group in groups:
        members = [tuple(member) for member in group]
        assert all(members)
        assert len(set(members)) > 1, group
        assert any(set(member) <= set(known) for member in members), group


def test_every_section_of_a_page_is_in_the_index(open_page):
    page = open_page("search.html")
    listed = page.evaluate("bookSections.sections.map(([page, place]) => page + '.html' + place)")
    wanted = []
    for name in (name for name in PAGES if name.startswith("chapters/")):
        ids = re.findall(r'<section [^>]*\bid="([^"]+)"', (HTML / name).read_text("utf-8"))
        wanted += [name, *(f"{name}#{place}" for place in ids[1:])]
    assert len(wanted) > 200
    assert set(wanted) <= set(listed)


def test_a_word_that_nobody_wrote_finds_nothing_and_says_so(open_page):
    page = open_page("search.html?q=xyzzyqua")
    assert results(page) == []
    assert "did not match" in page.locator(".search-summary").inner_text()


@views("desktop", "phone", pages=[name for name in PAGES if name != "404.html"])
def test_every_page_has_a_field_to_search_from(view):
    view.keyboard.press("Control+k")
    field = view.locator("input[name=q]:focus")
    address, method = field.evaluate("field => [field.form.action, field.form.method]")
    assert method == "get"
    assert (HTML / urlsplit(address).path.lstrip("/")).samefile(HTML / "search.html")
    view.keyboard.press("Escape")
    field.wait_for(state="detached")


PLACES = ["search.html", "index.html", "chapters/faq.html", CHAPTER]


@pytest.mark.parametrize("name", PLACES)
@each_size
def test_the_field_leads_to_what_is_found(open_page, name, size):
    page = open_page(name, width=SIZES[size])
    page.keyboard.press("Control+k")
    field = page.locator("input[name=q]:focus")
    field.fill("缩放点积")
    field.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    assert results(page)[0] == "glossary.html#term-scaled-dot-product-attention"
