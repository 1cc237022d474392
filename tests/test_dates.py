"""The dates of the chapters: what is written is the day, and numbers are the text."""

import datetime
import re

import numpy as np
import pytest

from attention_book import dates


def test_english_german_and_chinese_can_be_read_back():
    months = "January February March April May June July August September October November December"
    for locale, pattern, order in (
        ("en_US", r"([A-Z][a-z]+) (\d+), (\d{4})$", "mdy"),
        ("zh_CN", r"(\d{4})年(\d+)月(\d+)日", "ymd"),
    ):
        for written, iso in dates.pairs(200, seed=3, locales=[locale]):
            found = re.search(pattern, written)
            parts = dict(zip(order, found.groups(), strict=True))
            if order == "mdy":
                names = [name[:3] for name in months.split()]
                parts["m"] = 1 + names.index(parts["m"][:3])
            day = datetime.date(*(int(parts[part]) for part in "ymd"))
            assert day.isoformat() == iso


def test_every_text_has_the_year_of_each_of_its_days():
    for written, iso in dates.pairs(300, each=3, seed=1):
        years = [day[:4] for day in iso.split()]
        assert len(years) == 3
        assert re.findall(r"(?:19|20)\d\d", written) == years
        assert set(iso) <= set(dates.ISO)


def test_the_draw_is_the_same_every_time_and_different_with_another_seed():
    assert dates.pairs(20, seed=5) == dates.pairs(20, seed=5) != dates.pairs(20, seed=6)
    assert dates.pairs(0) == []


def test_all_languages_and_forms_occur():
    written = " ".join(text for text, _ in dates.pairs(500))
    for sign in ("月", "星期", "曜日", "Aralık", "сентябр", "juillet", "de abril de", "Montag"):
        assert sign in written


def test_numbers_are_the_text():
    texts = ["ab", "", "bca"]
    alphabet = dates.symbols(texts)
    assert alphabet == "abc"
    numbers, lengths = dates.as_numbers(texts, alphabet)
    assert numbers.tolist() == [[1, 2, 0], [0, 0, 0], [2, 3, 1]]
    assert lengths.tolist() == [2, 0, 3]
    assert np.array_equal(dates.as_numbers([], "a")[0], np.zeros((0, 0)))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="n is -1"):
        dates.pairs(-1)
    with pytest.raises(ValueError, match="each is 0"):
        dates.pairs(3, each=0)
    with pytest.raises(TypeError, match=r"each is 1\.5"):
        dates.pairs(3, each=1.5)
    with pytest.raises(ValueError, match=r"texts have \['z'\], which alphabet has not"):
        dates.as_numbers(["az"], "ab")
