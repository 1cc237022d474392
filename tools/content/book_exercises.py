"""Sphinx extension: the exercises on a page.

A question is answered on the page itself. What the page needs for a verdict is made from the
exercise, so that it cannot differ from Python's, and packed, so that no answer stands in clear in
the page. A function is written in the notebook; the page says how to open it.
"""

import base64
import inspect
import json
import re
import zlib
from pathlib import Path

import nbformat
from book_pages import repository
from docutils import nodes
from page_rules import Functions
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.util.docutils import SphinxDirective

from attention_book.checking.catalogue import all_chapters, all_exercises, all_pauses
from attention_book.checking.exercise import Pause, Question, letters, numbered, plain
from attention_book.checking.verdict import marked

# The cell of an exercise: it imports the exercise and hands it an answer.
CELL = re.compile(
    r"from attention_book\.(?:exercises|pauses)\.(\w+) import [\s\S]*^(\w+)\.check\(", re.M
)


def exercise(identifier):
    """Return the exercise or question of that name, ``chapter.name``, or None."""
    chapter, _, name = identifier.partition(".")
    if chapter in all_chapters():
        for found in (*all_exercises(chapter), *all_pauses(chapter)):
            if found.name == name:
                return found


# What the page needs -----------------------------------------------------------------------------


def form(right):
    """Return what an answer consists of: one thing, a list, or rows."""
    if not isinstance(right, list):
        return "one"
    return "rows" if all(isinstance(part, list) for part in right) else "list"


def written(question, functions):
    """Return what a page needs to judge answers to a question; rules go into ``functions``."""

    def rule(judge):
        return None if judge is None else functions.number(judge)

    right, accepts = plain(question.solve()), question.accepts
    choices = getattr(question, "choices", None) or None
    return {
        "id": question.id,
        "right": right,
        "form": form(right),
        "rtol": question.rtol,
        "accepts": list(map(rule, accepts)) if isinstance(accepts, list) else rule(accepts),
        "mistakes": [
            {
                "name": mistake.name,
                "hint": mistake.hint,
                "rule": rule(mistake.recognises),
                "wrong": plain(mistake.wrongs[0]),
            }
            for mistake in question.mistakes
        ],
        "why": question.why,
        "choices": choices,
        "letters": len(letters(right)) if choices else None,
        "solution": None if isinstance(question, Pause) else coloured(question.source),
    }


def coloured(source):
    """Return a program as HTML."""
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=False, cssclass="solution"))


def packed(questions):
    """Return the data of a page's questions as one text in which nothing can be read."""
    functions = Functions()
    data = {"questions": [written(question, functions) for question in questions]}
    data["functions"] = functions.trees
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    deflate = zlib.compressobj(9, wbits=-15)
    return base64.b64encode(deflate.compress(text) + deflate.flush()).decode()


# On the page -------------------------------------------------------------------------------------


class HintsAndSolution(SphinxDirective):
    """``{hints-and-solution} chapter.exercise``: folded, from the package's own tested text.

    The solution of a question is not among them: it comes with the question's data.
    """

    required_arguments = 1

    def run(self):
        found = exercise(self.arguments[0])
        if found is None:
            raise self.error(f"there is no exercise {self.arguments[0]}")
        parts = [
            (f"Hint {number} of {len(found.hints)}", hint)
            for number, hint in enumerate(found.hints, 1)
        ]
        if not isinstance(found, Question):
            parts.append(("Solution", f"```python\n{found.source}\n```"))
        text = "\n\n".join(
            f":::{{dropdown}} {title}\n:class-container: exercise-help\n\n{body}\n:::"
            for title, body in parts
        )
        return self.parse_text_to_nodes(text)


def put_questions(app, doctree):
    """Put what a page can do with an exercise in the place of its cell."""
    asked = []
    for cell in [node for node in doctree.findall(nodes.container) if "cell" in node["classes"]]:
        block = cell.next_node(nodes.literal_block)
        match = CELL.search(block.astext()) if block else None
        found = match and exercise(f"{match[1]}.{match[2]}")
        if not found:
            continue
        for file in (inspect.getfile(found.solve), inspect.getfile(Functions), __file__):
            app.env.note_dependency(file)
        forget_outputs(cell)
        if isinstance(found, Question):
            asked.append(found)
            cell.replace_self([as_html(question_html(found)), folded("In the notebook", cell)])
        else:
            cell["ids"].append(f"exercise-{found.name}")
            cell.parent.insert(cell.parent.index(cell) + 1, how_to_write(app))
    if asked:
        data = f'<script type="text/plain" id="book-questions">{packed(asked)}</script>'
        doctree.append(as_html(data))


def as_html(text):
    return nodes.raw("", text, format="html")


def forget_outputs(cell):
    """Drop the verdict on an answer that nobody has written yet."""
    for node in [node for node in cell.children if "cell_output" in node.get("classes", ())]:
        cell.remove(node)


def question_html(question):
    """Return the place of a question, with what it asks, as it reads without scripts."""
    parts = []
    if isinstance(question, Pause):
        parts.append(f'<p class="pause-title">Pause and check</p><p>{marked(question.task)}</p>')
        if question.program:
            parts.append(f"<pre>{marked(numbered(question.program))}</pre>")
    choices = getattr(question, "choices", {})
    listed = "".join(f"<li>{marked(text)}</li>" for text in choices.values())
    without = f'<ol type="a">{listed}</ol>' if choices else ""
    without += f"<p>Answer in the notebook: <code>{question.name}.check(…)</code></p>"
    kind = "pause" if isinstance(question, Pause) else "asked"
    return (
        f'<div class="question question-{kind}">{"".join(parts)}'
        f'<div data-question="{question.id}" id="exercise-{question.name}">{without}</div></div>'
    )


def folded(title, node):
    """Return a node that a reader may open."""
    opening = f'<details class="in-notebook"><summary>{title}</summary>'
    return nodes.container("", as_html(opening), node.deepcopy(), as_html("</details>"))


def how_to_write(app):
    """Return the line below a function: where it is written and tried."""
    chapter = app.env.docname.removeprefix("chapters/")
    command = f"make lab CHAPTER={chapter}"
    text = nodes.Text("A function is written and tried in the notebook: ")
    line = nodes.paragraph("", "", text, nodes.literal(command, command), classes=["how-to-write"])
    url = repository(app.srcdir)
    if url:
        place = url.removeprefix("https://github.com/")
        notebook = f"main/chapters/{chapter}.ipynb"
        binder, colab = "https://mybinder.org/v2/gh", "https://colab.research.google.com/github"
        links = {
            "Binder": f"{binder}/{place}/main?urlpath=lab/tree/chapters/{chapter}.ipynb",
            "Colab": f"{colab}/{place}/blob/{notebook}",
        }
        for word, (name, link) in zip((", or in ", " or "), links.items(), strict=True):
            line += [nodes.Text(word), nodes.reference("", name, refuri=link)]
    line += nodes.Text(".")
    return line


# Progress ----------------------------------------------------------------------------------------


def contents(folder):
    """Return the chapters that have exercises: where they are, and what can be passed there."""
    return [
        {
            "name": name,
            "page": page.relative_to(folder).with_suffix("").as_posix(),
            "title": title(page),
            "exercises": [listed(e) for e in all_exercises(name)],
            "pauses": [listed(e) for e in all_pauses(name)],
        }
        for name in all_chapters()
        for page in Path(folder).glob(f"chapters/*/{name}.ipynb")
    ]


def listed(task):
    return {"id": task.id, "title": task.title, "minutes": task.minutes}


def title(page):
    """Return the first heading of a notebook."""
    cells = nbformat.read(page, as_version=4).cells
    return re.search(r"^# (.+)", "\n".join(cell.source for cell in cells), re.M)[1]


class ProgressTable(SphinxDirective):
    """``{progress}``: all chapters with their exercises. A script fills in what is passed."""

    def run(self):
        self.env.note_dependency(__file__)
        rows = [row(chapter) for chapter in contents(self.env.srcdir)]
        return self.parse_text_to_nodes(PROGRESS.format(rows="\n".join(rows)))


def row(chapter):
    exercises, page = chapter["exercises"], chapter["page"].removeprefix("chapters/")
    minutes = sum(exercise["minutes"] for exercise in exercises)
    return (
        f'<tr data-chapter="{chapter["name"]}">'
        f'<th scope="row"><a href="{page}.html">{chapter["title"]}</a></th>'
        f'<td class="progress-exercises">{len(exercises)}</td>'
        f'<td class="progress-pauses">{len(chapter["pauses"])}</td>'
        f'<td class="progress-minutes">{minutes} min</td></tr>'
    )


PROGRESS = """\
```{{raw}} html
<div class="progress-page">
<table class="table progress-table">
<thead><tr><th scope="col">Chapter</th><th scope="col">Exercises</th><th scope="col">Questions</th>
<th scope="col">Time left</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2 class="progress-title">To do again</h2>
<p class="progress-nothing">Nothing at the moment. What you pass with the help of hints is offered
here again after three days.</p>
<ul class="progress-again"></ul>
<div class="progress-tools" hidden>
<button type="button" name="export">Save as a file</button>
<label class="progress-load">Load a file
<input type="file" name="load" accept=".json,application/json"></label>
<button type="button" name="reset">Forget everything</button>
</div>
<p class="progress-said" role="status"></p>
<noscript><p>Without scripts a page remembers nothing. In a notebook, <code>progress()</code> does.
</p></noscript>
</div>
```
"""


def write_contents(app, error):
    """Write the list of chapters as a script: it is also read from a disk."""
    if error or app.builder.format != "html":
        return
    text = json.dumps(contents(app.srcdir), ensure_ascii=False, separators=(",", ":"))
    place = Path(app.outdir, "study", "contents.js")
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"const bookContents = {text};\n", "utf-8")


def setup(app):
    app.add_directive("hints-and-solution", HintsAndSolution)
    app.add_directive("progress", ProgressTable)
    app.connect("doctree-read", put_questions)
    app.connect("build-finished", write_contents)
    return {"parallel_read_safe": True}
