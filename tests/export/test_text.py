from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.text import LONGEST_TEXT, display_width, looks_like_formula, safe_text, sheet_text

anything = st.text(st.characters(codec=None))


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@A1", "\t=1", "\n=1", "＝1", "--", "-A1", "+-", "=?", "-5??"])
def test_what_begins_like_a_formula_is_guarded(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "5", "-5", "+5", "-5.25", "-1,234.50", "-", "+", "-?", "-5?", "?", "B+", "a=b", "a\nb", "–"]
)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    assert safe_text(text) == text


def test_what_csv_readers_can_not_take_is_shown() -> None:
    assert safe_text("a\0b\rc\udce9") == "a␀b␍c\\udce9"
    assert safe_text("\r=1") == "'␍=1"


@given(anything)
def test_no_csv_field_is_a_formula(text: str) -> None:
    safe = safe_text(text)
    assert not looks_like_formula(safe)
    assert safe.encode("utf-8").decode("utf-8") == safe
    assert safe_text(safe) == safe


def test_sheet_text_is_one_line_that_xml_can_hold() -> None:
    assert sheet_text("a\nb\tc\x1b\x7f\ufffe\ud800 é 成") == "a␊b␉c␛␡\ufffd\\ud800 é 成"


@given(anything)
def test_sheet_text_holds_no_control_characters(text: str) -> None:
    assert all(character >= " " and character not in "\x7f\ufffe\uffff" for character in sheet_text(text))
    assert sheet_text(sheet_text(text)) == sheet_text(text)


def test_sheet_text_is_cut_at_excel_s_limit() -> None:
    assert len(sheet_text("a" * 40_000)) == LONGEST_TEXT
    assert sheet_text("🧮" * 20_000) == "🧮" * (LONGEST_TEXT // 2)


def test_display_width() -> None:
    assert [display_width(text) for text in ("", "abc", "é", "成績")] == [0, 3, 1, 4]
