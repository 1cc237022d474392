"""The text that ships with Python, as numbers."""

import math
from pydoc_data.topics import topics

import pytest
import torch

from attention_book import text


@pytest.fixture(scope="module")
def book():
    return text.load()


def test_the_text_has_every_topic_once(book):
    assert len(book) > 200_000
    assert book.split("\n", 1)[0] in topics[min(topics)]
    assert len(book) == sum(map(len, topics.values())) + len(topics) - 1


def test_encode_and_back(book):
    characters = text.vocabulary(book)
    assert list(characters) == sorted(set(book))
    numbers = text.encode(book, characters)
    assert "".join(characters[n] for n in numbers[:5000].tolist()) == book[:5000]
    assert numbers.max() == len(characters) - 1


def test_an_unknown_character_is_named():
    with pytest.raises(ValueError, match="the text has 'c', which has no number"):
        text.encode("abc", "ab")


def test_whatever_characters_a_version_of_python_has(monkeypatch):
    monkeypatch.setattr(text, "topics", {"b": "ü→b", "a": "a\u0301\U0001f40d"})
    book = text.load()
    assert book == "a\u0301\U0001f40d\nü→b"
    assert len(text.encode(book, text.vocabulary(book)).unique()) == len(set(book))


def test_split_keeps_every_number_once():
    numbers = torch.arange(35 * text.BLOCK + 17)
    train, test = text.split(numbers)
    assert torch.equal(torch.cat([train, test]).sort().values, numbers)
    assert len(test) == 3 * text.BLOCK
    assert test[0] == 9 * text.BLOCK
    assert test[text.BLOCK] == 19 * text.BLOCK


def test_batches_are_windows_and_the_target_is_the_next():
    numbers = torch.arange(100)
    found = list(text.batches(numbers, length=8, size=500, steps=3, seed=0))
    assert len(found) == 3
    for inputs, targets in found:
        assert inputs.shape == targets.shape == (500, 8)
        assert torch.equal(inputs + 1, targets)
        assert torch.equal(inputs[:, 0] + 7, inputs[:, -1])
        assert inputs.min() == 0
        assert targets.max() == 99
    again = list(text.batches(numbers, length=8, size=500, steps=3, seed=0))
    assert all(
        torch.equal(a, b)
        for one, two in zip(found, again, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    other = next(text.batches(numbers, length=8, size=500, steps=1, seed=1))
    assert not torch.equal(other[0], found[0][0])


def test_bits_of_models_that_are_known():
    numbers = torch.tensor([0, 1, 2, 3] * 8 + [0])

    def knows_nothing(x):
        return torch.zeros(*x.shape, 4)

    def counts_on(x):
        return 50.0 * torch.nn.functional.one_hot((x + 1) % 4, 4)

    def sure_of_zero(x):
        return torch.tensor([0.5, 0.25, 0.125, 0.125]).log().expand(*x.shape, 4)

    for length in (1, 4, 16, 32):
        assert text.bits(knows_nothing, numbers, length=length) == pytest.approx(2)
        assert text.bits(counts_on, numbers, length=length) == pytest.approx(0, abs=1e-6)
        assert text.bits(sure_of_zero, numbers, length=length) == pytest.approx((1 + 2 + 3 + 3) / 4)
    with pytest.raises(ValueError, match="length is 5; it must divide 32"):
        text.bits(knows_nothing, numbers, length=5)


def test_a_window_begins_anew():
    """With a length of n a model sees n characters at most, whatever stands before them."""
    seen = []

    def model(x):
        seen.append(x)
        return torch.zeros(*x.shape, 9)

    text.bits(model, torch.arange(9), length=4)
    assert seen[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert math.isclose(text.bits(model, torch.arange(9), length=8), math.log2(9), rel_tol=1e-6)


def by_counting(train, test, characters, n):
    """Witten and Bell's method C in dictionaries, one character at a time."""

    def chance(context, character):
        shorter = chance(context[1:], character) if context else 1 / len(characters)
        behind = [train[i + len(context)] for i in range(len(train) - len(context))
                  if train[i : i + len(context)] == context]  # fmt: skip
        kinds = len(set(behind))
        if not behind:
            return shorter
        return (behind.count(character) + kinds * shorter) / (len(behind) + kinds)

    chances = [chance(test[max(0, i - n + 1) : i], test[i]) for i in range(1, len(test))]
    for context in ("", "a", "ab", "zz"):
        assert sum(chance(context, c) for c in characters) == pytest.approx(1)
    return -sum(map(math.log2, chances)) / len(chances)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_table_of_counts_against_dictionaries(n):
    characters, train, test = "abz", "abababzabbbaabab", "abzzabbaab"
    found = text.ngram_bits(*(text.encode(x, characters) for x in (train, test)), characters, n=n)
    assert found == pytest.approx(by_counting(train, test, characters, n), rel=1e-12)


def test_longer_runs_predict_the_help_better(book):
    characters = text.vocabulary(book)
    train, test = text.split(text.encode(book, characters))
    bits = [text.ngram_bits(train, test[:4097], characters, n=n) for n in range(1, 6)]
    assert bits == sorted(bits, reverse=True)
    assert 1.3 < bits[-1] < 2.3
