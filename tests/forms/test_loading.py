from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.errors import FormError
from pipeline.forms import Column, forms_in_use, has_form, load_forms, matching_form, read_form
from pipeline.forms.tomllines import lines_of

SHIPPED = Path(__file__).parents[2] / "config" / "forms"
GOOD = """title = "Marks"
rules = [
  "total = sum(q1..q3)",
]
columns = [
  { name = "roll", type = "roll", digits = 3, width = 10 },
  { name = "q1..q3", type = "decimal(1)", range = [0, 20], width = 5 },
  { name = "total", type = "integer", blank = false, dash = "zero", width = 8 },
]
"""


def written(folder: Path, text: str, name: str = "marks") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_form_is_read(tmp_path: Path) -> None:
    form = read_form(written(tmp_path, GOOD))
    assert (form.name, form.title, form.header_rows) == ("marks", "Marks", 1)
    assert [column.name for column in form.columns] == ["roll", "q1", "q2", "q3", "total"]
    assert form.columns[1] == Column("q1", "decimal", 1, Fraction(0), Fraction(20), width=5)
    assert (form.columns[4].may_be_blank, form.columns[4].dash) == (False, "zero")
    assert [rule.text for rule in form.rules] == ["total = sum(q1..q3)"]


def test_a_column_with_fractions_allows_what_halves_come_to(tmp_path: Path) -> None:
    with_halves = GOOD.replace('type = "decimal(1)"', 'type = "integer", fractions = true')
    before, after = (read_form(written(tmp_path, text)).columns[1] for text in (GOOD, with_halves))
    assert after.fractions and not before.fractions
    assert after.allows("12.5") and after.allows("0.875") and not after.allows("20.5") and not before.allows("0.875")


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('"roll", type', '"roll", typ', 6, "typ: there is no such key"),
        ('type = "roll", ', "", 6, "'type' is missing"),
        ('type = "roll"', 'type = "rolls"', 6, "the type is one of"),
        ('"decimal(1)"', '"decimal"', 7, "the type is one of"),
        ("[0, 20]", "[20, 0]", 7, "range"),
        ("[0, 20]", "20", 7, "range: must be a list"),
        ("digits = 3", 'digits = "3"', 6, "digits: must be a whole number"),
        ("digits = 3", "digits = 0", 6, "at least 1"),
        ("blank = false", "blank = 0", 8, "true or false"),
        ('dash = "zero"', 'dash = "nil"', 8, "a dash means"),
        ("width = 8", "width = -8", 8, "no width"),
        ("digits = 3", "fractions = true", 6, "fractions: there are none in a column of type roll"),
        ('dash = "zero"', "fractions = 1", 8, "fractions: must be true or false"),
        ('name = "total"', 'name = "q2"', 7, "two columns 'q2'"),
        ("sum(q1..q3)", "sum(q1..q9)", 3, "no column 'q9'"),
        ("sum(q1..q3)", "sum(roll..q3)", 3, "roll is of type roll"),
        ('"total = sum(q1..q3)"', "7", 3, "a rule is text"),
        ('title = "Marks"', "title = 3", 1, "title: must be text"),
        ('title = "Marks"', "header_rows = -1", 1, "fewer than 0"),
        ('"q1..q3"', '"q3..q1"', 7, "count up"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(tmp_path: Path, old: str, new: str, line: int, told: str) -> None:
    file = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(FormError) as error:
        read_form(file)
    assert f"{file}, line {line}" in str(error.value)
    assert told in str(error.value)


def test_what_is_no_toml_is_said_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(FormError, match=r"marks\.toml is not valid TOML: .*line 2"):
        read_form(written(tmp_path, "title = 'a'\ncolumns = ]\n"))


def test_lines_of_tables_arrays_and_strings_over_lines() -> None:
    text = '# [a]\na = """\n[b]\n"""\n[b.c]\nd = [\n 1, # x\n { e = 2,\n f = 3 } ]\n[[g]]\nh = 1\n[[g]]\nh = 2\n'
    lines = lines_of(text)
    assert (lines["a",], lines["b", "c", "d", 1, "f"], lines["g", 0, "h"], lines["g", 1, "h"]) == (2, 9, 11, 13)


def test_the_shipped_forms_are_right_and_found_by_name(tmp_path: Path) -> None:
    assert [form.name for form in load_forms(SHIPPED)] == ["ledger", "marksheet"]
    assert forms_in_use(tmp_path) == ()
    assert [form.name for form in forms_in_use(tmp_path, "marksheet")] == ["marksheet"]
    with pytest.raises(FormError, match="There is no form 'nothing'"):
        forms_in_use(tmp_path, "nothing")


def test_only_a_form_of_the_folder_names_a_job(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    assert has_form(tmp_path, "marks")
    assert not any(has_form(tmp_path, name) for name in ("", "other", "../marks", str(tmp_path / "marks")))


@pytest.mark.parametrize(
    ("kind", "value", "allowed"),
    [
        ({"type": "integer"}, "12", True),
        ({"type": "integer"}, "1.2", False),
        ({"type": "decimal", "decimals": 1}, "1.2", True),
        ({"type": "decimal", "decimals": 1}, "1.25", False),
        ({"type": "money", "decimals": 2}, "1.2", False),
        ({"type": "money", "decimals": 2}, "1.20", True),
        ({"type": "integer", "most": Fraction(20)}, "21", False),
        ({"type": "integer", "least": Fraction(0)}, "-1", False),
        ({"type": "integer", "digits": 2}, "012", True),
        ({"type": "integer", "digits": 2}, "112", False),
        ({"type": "roll", "digits": 3}, "007", True),
        ({"type": "roll", "digits": 3}, "7", False),
        ({"type": "grade"}, "B+", True),
        ({"type": "grade"}, "7", False),
        ({"type": "text"}, "anything", True),
    ],
)
def test_what_a_column_allows(kind: dict[str, object], value: str, allowed: bool) -> None:
    assert Column("c", **kind).allows(value) == allowed  # type: ignore[arg-type]


def test_a_total_may_be_out_of_range() -> None:
    column = Column("c", "integer", most=Fraction(20), digits=2)
    assert column.allows("500", is_total=True)
    assert not column.allows("5.5", is_total=True)


def test_a_form_is_told_by_its_columns(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    forms = load_forms(tmp_path)
    widths = [100.0, 52, 49, 50, 81]
    assert matching_form(forms, widths) == forms[0]
    assert matching_form(forms, widths[:-1]) is None
    assert matching_form(forms, [50.0, 100, 49, 50, 81]) is None
    assert matching_form(forms, [50.0, 100, 49, 50, 81], named="marks") == forms[0]
    assert matching_form(forms, widths[:-1], named="marks") is None
    assert matching_form(forms, widths, named="other") is None
    assert matching_form((*forms, forms[0]), widths) is None, "two that fit are one too many"
