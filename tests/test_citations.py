"""Citations and references read in every notebook, and a page makes of them what it always made."""

import copy
import json
import re
from types import SimpleNamespace

import citations
import nbformat
import plain_markdown
import pytest
from book_markdown import for_the_page, read_as_myst
from citations import CITATION, citation, entries, faults, with_links, with_roles, words
from links import CHAPTERS
from plain_markdown import for_every_notebook, read, rewritten, sources, texts, with_places
from pybtex.database import parse_string
from small_book import BUILD, copy_book, run, write

BIB = "../references.bib"
CONTENTS = {path: read(path) for path in sources()}
NOTEBOOKS = [path for path in CONTENTS if path.suffix == ".ipynb"]
# What a notebook shows as it stands: roles, directives, targets, labels of formulas, substitutions.
RAW = re.compile(
    r"\{[\w:-]+\}`|^ *(?:`{3,}|:{3,}) *\{|^:{3,}|^\([\w-]+\)=|^\$\$ *\([\w-]+\)|\{\{", re.M
)


def name(path):
    return path.relative_to(CHAPTERS).as_posix()


# The sources -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_notebook_has_nothing_that_only_a_page_understands(path):
    for place, text in texts(path, CONTENTS[path]).items():
        assert not RAW.findall(text), place


def test_nobody_has_to_run_make_format():
    changed = [
        f"{name(path)}, {place}"
        for path, made in rewritten(CONTENTS).items()
        for place, text in texts(path, CONTENTS[path]).items()
        if made[place] != text
    ]
    assert not changed, "run make format"


def test_no_citation_has_a_fault_and_there_are_many():
    assert list(plain_markdown.problems(CONTENTS)) == []
    found = [
        match
        for path, content in CONTENTS.items()
        for text in texts(path, content).values()
        for match in CITATION.finditer(text)
    ]
    assert len(found) > 300


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_link_within_a_notebook_has_its_place_there(path):
    prose = "\n".join(texts(path, CONTENTS[path]).values())
    places = re.findall(r'^<a id="([^"]+)"></a>$', prose, re.M)
    assert len(places) == len(set(places))
    assert set(re.findall(r"\]\(#([^)]+)\)", prose)) <= set(places)


def test_a_link_to_a_formula_leads_to_the_notebook_that_has_it():
    linked = 0
    for path, content in CONTENTS.items():
        for text in texts(path, content).values():
            for page, label in re.findall(r"\]\(([^)\s#]*)#(equation-[\w-]+)\)", text):
                target = (path.parent / page).resolve() if page else path
                prose = "\n".join(texts(target, CONTENTS[target]).values())
                assert f'<a id="{label}"></a>\n$$\n' in prose, f"{name(path)}: {label}"
                linked += 1
    assert linked >= 9


# The words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "textual", "beside"),
    [
        ("elman1990finding", "Elman [1990]", "Elman, 1990"),
        ("jain2019attention", "Jain and Wallace [2019]", "Jain and Wallace, 2019"),
        ("vaswani2017attention", "Vaswani et al. [2017]", "Vaswani et al., 2017"),
        ("velickovic2018graph", "Veličković et al. [2018]", "Veličković et al., 2018"),
        ("keles2023computational", "Duman Keles et al. [2023]", "Duman Keles et al., 2023"),
        ("kimi2026k3", "Kimi Team [2026]", "Kimi Team, 2026"),
    ],
)
def test_words_name_author_and_year(key, textual, beside):
    assert words("t", key) == textual
    assert words("alp", key) == beside


STRANGE = r"""
@misc{one2020a, author = {van der Berg, Jan}, title = {A}, year = {2020}}
@misc{one2020b, author = {van der Berg, Jan}, title = {B}, year = {2020}}
@misc{two2021, author = {M{\"u}ller, Ida and {\O}re, Bo}, title = {C}, year = {2021}}
@misc{house2022, author = {{The House of Words}}, title = {D}, year = {2022}}
@misc{nobody, author = {No, One}, title = {E}}
"""


def test_particles_accents_institutions_and_a_missing_year(monkeypatch):
    entries_ = parse_string(STRANGE, "bibtex").entries
    monkeypatch.setattr(citations, "entries", lambda: entries_)
    found = {key: words("alp", key) for key in entries_}
    assert found == {
        "one2020a": "van der Berg, 2020",
        "one2020b": "van der Berg, 2020",
        "two2021": "Müller and Øre, 2021",
        "house2022": "The House of Words, 2022",
        "nobody": "No, n.d.",
    }


# There and back ----------------------------------------------------------------------------------

AWAY_AND_BACK = [
    ("{cite:t}`xu2015show`", f"[Xu et al. [2015]]({BIB}#xu2015show)"),
    ("see {cite:p}`xu2015show`.", f"see [[Xu et al., 2015]({BIB}#xu2015show)]."),
    (
        "({cite:t}`jain2019attention`; {cite:t}`xu2015show`)",
        f"([Jain and Wallace [2019]]({BIB}#jain2019attention); "
        f"[Xu et al. [2015]]({BIB}#xu2015show))",
    ),
    (
        "{cite:p}`jain2019attention,xu2015show`",
        f"[[Jain and Wallace, 2019]({BIB}#jain2019attention), [Xu et al., 2015]({BIB}#xu2015show)]",
    ),
    ("| {cite:t}`xu2015show` | a |", f"| [Xu et al. [2015]]({BIB}#xu2015show) | a |"),
    ("$$\na\n$$ (b-c)\n\n$$\nd\n$$", '<a id="equation-b-c"></a>\n$$\na\n$$\n\n$$\nd\n$$'),
    ("$$\na\n$$\n\n$$\nd\n$$ (e)", '$$\na\n$$\n\n<a id="equation-e"></a>\n$$\nd\n$$'),
    ("```{hints-and-solution} a.b\n```\n\nMore.", "<!-- {hints-and-solution} a.b -->\n\nMore."),
    (
        "::::{dropdown} If so\nOne.\n\n*Two.*\n::::\n\nOut.",
        "<details>\n<summary>If so</summary>\n\nOne.\n\n*Two.*\n\n</details>\n\nOut.",
    ),
    (
        ":::::{container} ways more\n- One\n- Two\n:::::\n\nOut.",
        '<div class="ways more">\n\n- One\n- Two\n\n</div>\n\nOut.',
    ),
]


@pytest.mark.parametrize(("myst", "plain"), AWAY_AND_BACK)
def test_myst_becomes_plain_and_plain_becomes_myst(myst, plain):
    assert for_every_notebook(myst, BIB) == plain
    assert for_every_notebook(plain, BIB) == plain
    assert for_the_page(plain) == myst
    assert for_the_page(myst) == myst


def test_the_keys_of_a_citation_stand_in_the_order_of_the_page():
    both = with_links("{cite:p}`koch1985shifts, itti1998model`", BIB)
    assert with_roles(both) == "{cite:p}`itti1998model,koch1985shifts`"


def test_a_directive_with_lines_stands_in_a_comment():
    text = "A\n\n<!-- {chapters}\nII: One\nIII: Two\n-->\n\n<!-- {b} -->\n\n<!-- a remark -->"
    assert for_the_page(text) == (
        "A\n\n```{chapters}\nII: One\nIII: Two\n```\n\n```{b}\n```\n\n<!-- a remark -->"
    )
    assert for_every_notebook(text, BIB) == text


def test_what_only_a_notebook_needs_is_not_on_the_page():
    text = 'One. <span class="in-notebook">Two\n[x](y.md).</span> Three.'
    assert for_the_page(text) == "One. Three."


def test_a_link_to_a_formula_keeps_its_words_and_gets_its_number():
    text = "Apply [the Jacobian $J$](other.ipynb#equation-a-b) to [it](#equation-c), [x](#d)."
    assert for_the_page(text) == "Apply the Jacobian $J$ {eq}`a-b` to it {eq}`c`, [x](#d)."


def test_other_text_stays_as_it_is():
    text = "A [link](a.md), a [[b](c.md)], `a[0]`, [see [1]](x.md).\n\n```python\nx[[1]](2)\n```\n"
    assert for_the_page(text) == for_every_notebook(text, BIB) == text
    options = ":::{dropdown} If so\n:open:\n\nText.\n:::"  # which no other form has
    assert for_every_notebook(options, BIB) == options


@pytest.mark.parametrize("broken", ["[]", "[Xu]", "[Xu et al., 2015]", "[Xu et al. [2016]]"])
def test_words_are_written_anew(broken):
    text = f"{broken}({BIB}#xu2015show)"
    assert [fault.partition(":")[0] for fault in faults(text, BIB)] == [
        "these are not the words of today, which make format writes"
    ]
    assert with_links(text, BIB) == citation("t", ["xu2015show"], BIB)
    assert not list(faults(with_links(text, BIB), BIB))


def test_a_wrong_path_is_mended_and_a_break_of_a_line_is_left():
    assert with_links("[Xu et al. [2015]](references.bib#xu2015show)", BIB).endswith(
        f"({BIB}#xu2015show)"
    )
    broken = f"[Jain and\n  Wallace [2019]]({BIB}#jain2019attention)"
    assert with_links(broken, BIB) == broken
    assert not list(faults(broken, BIB))


@pytest.mark.parametrize(
    "text", ["{cite:t}`no2000no`", f"[No [2000]]({BIB}#no2000no)", f"[[No]({BIB}#no2000no)]"]
)
def test_an_unknown_key_is_named_and_left(text):
    assert list(faults(text, BIB)) == ["there is no no2000no in references.bib"]
    assert with_links(text, BIB) == text


def test_a_heading_that_is_linked_gets_its_address():
    text = "# One\n\n```python\n# Two\n```\n\n## Two: *new*?\n\nText.\n\n#### Four\n\n## One\n"
    taken = []
    placed = with_places(text, {"two-new", "one-1", "four", "two"}, taken)
    assert taken == ["one", "two-new", "one-1"]
    assert placed.count("<a id=") == 2
    assert '\n<a id="two-new"></a>\n## Two: *new*?\n' in placed
    assert '\n<a id="one-1"></a>\n## One\n' in placed
    assert with_places(placed, {"two-new", "one-1"}, []) == placed
    assert with_places(placed, set(), []) == for_the_page(placed) == text


def test_the_tool_writes_a_notebook_and_says_what_it_cannot(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "chapters/part1"
    folder.mkdir(parents=True)
    monkeypatch.setattr(plain_markdown, "ROOT", tmp_path)
    monkeypatch.setattr(plain_markdown, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.setattr(plain_markdown, "BIBLIOGRAPHY", tmp_path / "chapters/references.bib")
    cell = nbformat.v4.new_markdown_cell
    cells = [cell("# A\n\nBy {cite:t}`xu2015show`."), cell("## B"), cell("{cite:p}`no2000no`")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "a.ipynb")
    (tmp_path / "chapters/b.md").write_text("[B](part1/a.ipynb#b), {cite:p}`xu2015show`\n")
    assert plain_markdown.main() == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "chapters/part1/a.ipynb, cell 3: there is no no2000no in references.bib"
    found = nbformat.read(folder / "a.ipynb", as_version=4).cells
    assert found[0].source.endswith("By [Xu et al. [2015]](../references.bib#xu2015show).")
    assert found[1].source == '<a id="b"></a>\n## B'
    assert "[[Xu et al., 2015](references.bib#" in (tmp_path / "chapters/b.md").read_text()
    plain_markdown.main()
    assert len(capsys.readouterr().out.splitlines()) == 1  # nothing is written again


# The build ---------------------------------------------------------------------------------------


def test_what_sphinx_reads_is_a_notebook_with_its_code_unchanged():
    path = CHAPTERS / "part1/scaled_dot_product.ipynb"
    content = [path.read_text("utf-8")]
    app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda docname: str(path)))
    read_as_myst(app, "chapters/part1/scaled_dot_product", content)
    before = nbformat.read(path, as_version=4)
    after = nbformat.reads(content[0], as_version=4)
    assert len(before.cells) == len(after.cells)
    for old, new in zip(before.cells, after.cells, strict=True):
        if old.cell_type == "code":
            assert old == new
    assert "{cite:t}`vaswani2017attention`" in json.dumps(after)


PAGE = """\
# A page

As [Vaswani et al. [2017]](references.bib#vaswani2017attention) say
[[Jain and Wallace, 2019](references.bib#jain2019attention)], in [this sum](#equation-the-sum):

<a id="equation-the-sum"></a>
$$
a + b
$$

<details>
<summary>More</summary>

It is folded.

</details>

<a id="the-end"></a>
## The end
"""
SOURCES = "# Sources\n\n```{bibliography}\n:all:\n:style: alpha\n```\n"


@pytest.fixture
def book(tmp_path):
    copy_book(tmp_path)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nparts:\n- chapters:\n  - file: chapters/sources\n"
    )
    (tmp_path / "chapters/sources.md").write_text(SOURCES)
    return tmp_path


def test_a_page_has_citations_numbers_and_folded_text(book):
    write(book, [nbformat.v4.new_markdown_cell(PAGE)])
    status, log = run(book, *BUILD)
    assert status == 0, log
    page = (book / "_build/html/chapters/index.html").read_text(encoding="utf-8")
    cited = r'<span class="bibtex-citation" id="id\d">'
    link = r'<a class="reference internal" href="sources\.html#id\d+" title="[^"]+">'
    assert re.search(
        rf"As {cited}Vaswani <em>et al\.</em> \[{link}2017</a>\]</span> say\s+"
        rf"{cited}\[{link}Jain and Wallace, 2019</a>\]</span>, in this sum "
        r'<a class="reference internal" href="#equation-the-sum">\(1\)</a>',
        page,
    )
    assert re.search(r"<details class=\"[^\"]*sd-dropdown.*?More.*?It is folded\.", page, re.S)
    assert page.count('id="the-end"') == page.count('id="equation-the-sum"') == 1


def test_an_unknown_key_and_old_words_fail_the_build_and_name_file_and_cell(book):
    wrong = "[No [2000]](references.bib#no2000no), [Xu](references.bib#xu2015show)"
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("# A page", wrong)]
    write(book, cells)
    status, log = run(book, *BUILD)
    assert status != 0
    said = " ".join(log.split())
    assert re.search(r"chapters/index\S* WARNING: cell 2: there is no no2000no in ref", said)
    assert "cell 2: these are not the words of today, which make format writes: [Xu](" in said


# The checks, broken one by one -------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    ["{cite:t}`a`", "{eq}`a`", "{term}`a`", "```{note}\n```", ":::{dropdown} a\n:::", "(a)=\n# A",
     "$$\na\n$$ (a)", "{{ launch }}"],
)  # fmt: skip
def test_what_is_raw_is_noticed(raw):
    assert RAW.search(f"Text.\n\n{raw}")


def test_an_author_who_changes_is_noticed(monkeypatch):
    changed = copy.deepcopy(dict(entries().items()))
    changed["xu2015show"].persons["author"] = changed["elman1990finding"].persons["author"]
    monkeypatch.setattr(citations, "entries", lambda: changed)
    monkeypatch.setattr(citations, "order", citations.order.__wrapped__)  # without its memory
    assert any("[Xu et al. [2015]]" in problem for problem in plain_markdown.problems(CONTENTS))
