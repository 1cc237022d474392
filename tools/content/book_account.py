"""Sphinx extension: the page that goes through the five articles, made from account.yml."""

from collections import Counter
from pathlib import Path

import yaml
from citations import with_roles
from docutils import nodes
from myst_parser.mdit_to_docutils.base import default_slugify
from sphinx.util.docutils import SphinxDirective

from attention_book.checking.catalogue import all_exercises

VERDICTS = {
    "right": "Right",
    "wrong": "Wrong",
    "misleading": "Misleading",
    "incomplete": "Incomplete",
    "empty": "No verdict",
}


def setup(app):
    app.add_directive("account", Account)
    app.connect("doctree-read", let_other_pages_link_to_an_entry)
    return {"parallel_read_safe": True}


def read(path):
    """Return the articles, each with its own statements, errors, questions and exercises."""
    listing, *accounts = yaml.safe_load_all(with_roles(Path(path).read_text("utf-8")))
    articles = {article["id"]: article for article in listing["articles"]}
    for account in accounts:
        number = account["statements"][0]["id"][1]
        articles[f"00{number}"] |= account
    return list(articles.values())


def tally(statements):
    """Say how many statements there are, and how many of each verdict."""
    counted = Counter(statement["verdict"] for statement in statements)
    parts = [f"{counted[verdict]} {name.lower()}" for verdict, name in VERDICTS.items()]
    parts[-1] = f"and {counted['empty']} without a verdict"
    return f"{len(statements)} statements: {', '.join(parts)}"


def place(exercise_id):
    """Return the title of an exercise and the heading under which it stands."""
    variant, _, name = exercise_id.partition(".")
    for number, exercise in enumerate(all_exercises(variant), 1):
        if exercise.name == name:
            heading = default_slugify(f"Exercise {number}: {exercise.title}")
            return exercise.title, f"part1/{variant}.ipynb#{heading}"
    raise ValueError(f"there is no exercise {exercise_id}")


class Account(SphinxDirective):
    """``{account} account.yml``: every statement, its verdict, what is true, and where."""

    required_arguments = 1

    def run(self):
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        articles = [article for article in read(path) if "statements" in article]
        everything = [statement for article in articles for statement in article["statements"]]
        totals = nodes.bullet_list("", *(self.summary(article) for article in articles))
        return [
            self.paragraph(f"Together they make {tally(everything)}."),
            totals,
            *map(self.article, articles),
        ]

    def summary(self, article):
        line = self.paragraph("")
        line += nodes.reference("", f"Article {article['id']}", refid=f"article-{article['id']}")
        line += nodes.Text(f", {tally(article['statements'])}.")
        return nodes.list_item("", line)

    def article(self, article):
        number = article["id"]
        section = self.section(f"article-{number}", f"Article {number}: {article['title']}")
        section += self.paragraph(
            f"{article['about']} The chapter that answers it: []({article['chapter']})."
        )
        made = []
        for entry in article["exercises"]:
            try:
                made.append("[{}]({})".format(*place(entry["exercise"])))
            except ValueError as error:
                raise self.error(f"{entry['id']}: {error}") from None
        if made:
            section += self.paragraph(f"Exercises on its errors: {'; '.join(made)}.")
        self.errors = {error["id"]: error for error in article["errors"]}
        self.questions = {question["statement"]: question for question in article["questions"]}
        for name, title in article["sections"].items():
            part = self.section(nodes.make_id(f"article-{number}-{name}"), f"{name}. {title}")
            entries = [s for s in article["statements"] if s["section"] == name]
            part += nodes.bullet_list("", *map(self.statement, entries), classes=["account"])
            section += part
        return section

    def statement(self, entry):
        """What the article says, the verdict, where to read on; then the question, the answers."""
        name, verdict = entry["id"], entry["verdict"]
        errors = [self.errors[error] for error in entry.get("errors", ())]
        new = [error for error in errors if "told" not in error]
        end = " " if entry["says"].endswith("?") else ". "
        says = entry["says"].removesuffix(".") + end
        claim = self.paragraph("", self.number(name), *self.inline(says))
        claim += nodes.strong("", VERDICTS[verdict], classes=["account-verdict", verdict])
        links = [
            nodes.reference("", error["id"], refid=error["id"].lower())
            for error in errors
            if "told" in error
        ]
        if entry["at"] not in [error["at"] for error in new]:
            links += self.inline(f"[]({entry['at']})")
        for link in links:
            claim += [nodes.Text(" See " if link is links[0] else ", "), link]
        claim += nodes.Text("." if links else "")
        item = nodes.list_item("", claim, ids=[name.lower()])
        question = self.questions.get(name)
        if question is not None:
            item += self.entry(question, question["asks"], question["at"] != entry["at"])
        for error in new:
            error["told"] = True
            item += self.entry(error, error["right"])
        if "right" in entry:
            item += self.paragraph("", *self.inline(entry["right"]), classes=["account-answer"])
        return item

    def entry(self, entry, text, linked=True):
        """A question, or a correction, with its own address and, if wanted, its place."""
        more = f" More: []({entry['at']})." if linked else ""
        line = self.paragraph("", self.number(entry["id"]), *self.inline(text + more))
        line["ids"].append(entry["id"].lower())
        line["classes"].append("account-answer")
        return line

    def number(self, name):
        return nodes.reference("", name, refid=name.lower(), classes=["account-number"])

    def paragraph(self, text, *children, **attributes):
        return nodes.paragraph("", "", *self.inline(text), *children, **attributes)

    def inline(self, text):
        found, messages = self.parse_inline(text)
        return [*found, *messages]

    def section(self, name, title):
        return nodes.section("", nodes.title("", "", *self.inline(title)), ids=[name])


def let_other_pages_link_to_an_entry(app, doctree):
    """Tell MyST the entries of this page, so that account.md#e0-3 is a link it can resolve."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for node in doctree.findall(nodes.reference):
        if "account-number" in node["classes"]:
            slugs[node["refid"]] = (0, node["refid"], node.astext())
