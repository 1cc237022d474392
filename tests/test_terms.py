"""The first mention of a term in a chapter leads to the glossary, and nothing else does."""

from book_terms import link_first_mentions
from docutils import nodes

ADDRESSES = {
    "softmax": "glossary.html#softmax",
    "mask": "glossary.html#mask",
    "causal mask": "glossary.html#causal-mask",
    "RNN": "glossary.html#rnn",
}


def links_in(*children):
    page = nodes.section("", *children)
    text = page.astext()
    link_first_mentions(page, ADDRESSES)
    assert page.astext() == text
    return [
        (link.astext(), link["refuri"].partition("#")[2])
        for link in page.findall(nodes.reference)
        if "term" in link["classes"]
    ]


def paragraph(*children):
    return nodes.paragraph("", "", *[nodes.Text(c) if isinstance(c, str) else c for c in children])


def test_only_the_first_mention_is_a_link():
    first, second = paragraph("A softmax, then a softmax."), paragraph("The softmax again.")
    assert links_in(first, second) == [("softmax", "softmax")]


def test_the_longest_name_counts_and_the_shorter_one_is_still_linked_later():
    found = links_in(paragraph("Causal masks hide the future; a mask is boolean."))
    assert found == [("Causal masks", "causal-mask"), ("mask", "mask")]


def test_a_part_of_a_word_is_no_mention():
    assert links_in(paragraph("Masking, log-softmax, RNNLM and unmasked.")) == []


def test_an_emphasised_mention_counts():
    assert links_in(paragraph("An ", nodes.emphasis("", "RNN"), ".")) == [("RNN", "rnn")]


def test_headings_programs_formulas_bold_words_and_other_links_are_left_alone():
    link = nodes.reference("", "softmax", refuri="elsewhere")
    others = [kind("", "softmax") for kind in (nodes.literal, nodes.math, nodes.strong)]
    page = (nodes.title("", "The softmax"), paragraph(link, *others), nodes.literal_block())
    assert links_in(*page) == []
    assert links_in(*page, paragraph("the softmax")) == [("softmax", "softmax")]
