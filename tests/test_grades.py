from __future__ import annotations

import pytest

from pipeline.grades import GRADES


@pytest.mark.parametrize("text", ["A", "B+", "F-"])
def test_a_grade_is_a_letter_and_a_sign(text: str) -> None:
    assert text in GRADES


@pytest.mark.parametrize("text", ["", "+", "G", "AB", "A++", "A+-", "+A", "a", "B8"])
def test_what_is_no_grade(text: str) -> None:
    assert text not in GRADES
