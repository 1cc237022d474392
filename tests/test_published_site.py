"""What the site says of itself when git and GitHub tell where it comes from."""

import html
import re
import shutil
import subprocess

import nbformat
import pytest
from PIL import Image
from small_book import BUILD, ROOT, copy_book, run, write

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
SITE = "https://somebody.github.io/a-book/"


def git(folder, *arguments, at="2026-03-01T12:00:00+00:00"):
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=dates, check=True)


def built(book, repository="somebody/a-book"):
    status, log = run(book, *BUILD, GITHUB_REPOSITORY=repository)
    assert status == 0, log
    return book / "_build/html"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A repository of two pages, one of them changed a month later, and a third, not committed."""
    book = tmp_path_factory.mktemp("book")
    copy_book(book, styled=True)
    toc = "format: jb-book\nroot: chapters/index\nchapters: [{file: chapters/about}]\n"
    (book / "_toc.yml").write_text(toc)
    for name in ("CITATION.cff", "LICENSE", "chapters/about.md"):
        shutil.copy(ROOT / name, book / name)
    about = book / "chapters/about.md"
    about.write_text(about.read_text().replace("(how_to_use.md)", "(index.ipynb)"))
    write(book, [nbformat.v4.new_markdown_cell("# The front page\n\nA sentence.")])
    git(book, "init", "-q", "-b", "main")
    git(book, "add", ".")
    git(book, "commit", "-q", "-m", "All of it")
    about.write_text(about.read_text() + "\nOne more line.\n")
    git(book, "commit", "-q", "-a", "-m", "One page", at="2026-04-02T23:30:00+00:00")
    (book / "_toc.yml").write_text(toc.replace("]", ", {file: chapters/draft}]"))
    (book / "chapters/draft.md").write_text("# A draft\n")
    return book


@pytest.fixture(scope="module")
def site(book):
    return built(book)


@pytest.fixture(scope="module")
def front(site):
    return (site / "chapters/index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def about(site):
    return (site / "chapters/about.html").read_text("utf-8")


def test_each_page_shows_the_day_of_its_last_change(front, about):
    assert '<time datetime="2026-03-01">1 March 2026</time>' in front
    assert '<time datetime="2026-04-02">2 April 2026</time>' in about


def test_the_sitemap_has_each_page_once_with_that_day(site):
    entries = re.findall(r"<url>(.+)</url>", (site / "sitemap.xml").read_text("utf-8"))
    assert entries == [
        f"<loc>{SITE}</loc><lastmod>2026-03-01</lastmod>",
        f"<loc>{SITE}chapters/about.html</loc><lastmod>2026-04-02</lastmod>",
        f"<loc>{SITE}chapters/draft.html</loc>",
    ]


def test_a_shallow_clone_has_no_day_and_a_folder_without_git_no_address_either(book, tmp_path):
    git(tmp_path, "clone", "-q", "--depth", "1", book.as_uri(), "clone")
    git(tmp_path / "clone", "config", "core.fileMode", "false")
    assert "<time" not in (built(tmp_path / "clone") / "chapters/about.html").read_text("utf-8")
    shutil.rmtree(tmp_path / "clone/.git")
    shutil.rmtree(tmp_path / "clone/_build")
    alone = built(tmp_path / "clone", repository="")
    page = (alone / "chapters/about.html").read_text("utf-8")
    assert not re.search("<time|og:url|og:image|twitter:card|canonical|github.com", page)
    assert "it knows no address for errors" in page
    assert not (alone / "sitemap.xml").exists()
    assert not (alone / "_static/preview").exists()


@pytest.mark.parametrize("page", ["chapters/draft.html", "search.html", "genindex.html"])
def test_what_is_not_committed_shows_no_day(site, page):
    assert "<time" not in (site / page).read_text("utf-8")


def tags(page):
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page)
    return {name: html.unescape(content) for name, content in found}


def test_a_link_to_a_page_has_a_preview(site, front, about):
    for page, name, title in (
        (front, "", "The front page"),
        (about, "chapters/about.html", "About, licence and citation"),
    ):
        found = tags(page)
        assert found["og:title"] == title
        assert found["og:site_name"] == "The Attention Book"
        assert found["og:url"] == SITE + name
        assert f'<link rel="canonical" href="{SITE + name}"' in page
        assert title in found["og:image:alt"]
        assert found["twitter:card"] == "summary_large_image"
        file = site / found["og:image"].removeprefix(SITE)
        assert file.stat().st_size < 60_000
        with Image.open(file) as picture:
            assert picture.size == (1200, 630)
        assert (found["og:image:width"], found["og:image:height"]) == ("1200", "630")
    assert tags(front)["og:image"] != tags(about)["og:image"]


def test_the_front_page_has_one_address(site, front):
    assert tags((site / "index.html").read_text("utf-8")) == tags(front)


def test_the_rocket_opens_the_notebook_and_has_the_line_that_colab_needs(front, about):
    place = "somebody/a-book/main?urlpath=lab/tree/chapters/index.ipynb"
    assert f"https://mybinder.org/v2/gh/{place}" in front
    place = "somebody/a-book/blob/main/chapters/index.ipynb"
    assert f"https://colab.research.google.com/github/{place}" in front
    (button,) = re.findall(r'<button onclick="copyLineForColab.+?</button>', front, re.DOTALL)
    text = re.sub(r"<[^>]+>", "", button).strip()
    assert text == "In Colab, first run: %pip install git+https://github.com/somebody/a-book"
    assert "copyLineForColab" not in about  # which is no notebook


def test_below_each_page_stand_licence_citation_and_where_to_mend_it(front, about):
    repository = "https://github.com/somebody/a-book"
    assert f'href="{repository}/edit/main/chapters/index.ipynb"' in front
    assert f'href="{repository}/edit/main/chapters/about.md"' in about
    assert f'href="{repository}/issues/new?title=Error%20on%20the%20page%20chapters/index"' in front
    for anchor in ("who-may-use-what", "how-to-cite"):
        assert f'href="about.html#{anchor}"' in front
        assert f'href="#{anchor}"' in about
        assert f'"##{anchor}"' not in about
        assert f'id="{anchor}"' in about


def test_the_citation_is_that_of_the_file(about):
    text = re.sub(r"<[^>]+>", "", about)
    assert "@software{attention_book_2026," in text
    assert "url     = {https://github.com/somebody/a-book}" in text
    assert "cff-version: 1.2.0" in text
    assert "where errors of this book are collected" in text


def test_a_citation_file_without_a_version_fails_the_build(book, tmp_path):
    git(tmp_path, "clone", "-q", book.as_uri(), "clone")
    file = tmp_path / "clone/CITATION.cff"
    file.write_text(re.sub(r"(?m)^version:.*\n", "", file.read_text()))
    status, log = run(tmp_path / "clone", *BUILD)
    assert status != 0
    assert "CITATION.cff does not say 'version'" in log


def test_a_change_of_the_look_alone_reaches_the_site(book, site):
    style = book / "_static/book.css"
    style.write_text(style.read_text("utf-8") + ".book-foot { order: 4711; }\n", "utf-8")
    assert "4711" in (built(book) / "_static/site.css").read_text("utf-8")
