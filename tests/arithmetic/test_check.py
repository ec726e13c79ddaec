from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from pipeline.arithmetic import as_entered, as_read, check_page
from pipeline.forms.expressions import parse_rule
from pipeline.forms.form import Column, Form
from pipeline.records import TEXT_REASON, CellReading, TableNote
from tests.arithmetic.tables import Said, table

NAMES = ("roll", "q1", "q2", "q3", "total")


def form(*rules: str, columns: Sequence[Column] = ()) -> Form:
    usual = (Column("roll", "roll"), *(Column(q, "decimal", 1) for q in ("q1", "q2", "q3", "total")))
    known = tuple(columns) or usual
    return Form("marks", known, tuple(parse_rule(rule, [c.name for c in known]) for rule in rules), header_rows=0)


SUM = "total = sum(q1..q3)"


def checked(rows: Sequence[Sequence[Said]], known: Form | None = None) -> tuple[dict[tuple[int, int], CellReading], TableNote]:
    cells, [note] = check_page(table(rows), {1: known} if known else {}, 0.98)
    return {(c.row, c.column): c for c in cells}, note


GOOD: list[list[Said]] = [["1", "5", "6", "7", "18"], ["2", "1", "2", "3.5", "6.5"], ["3", "9", "8", "7", "24"]]


def test_what_adds_up_is_verified_and_says_by_what() -> None:
    cells, note = checked(GOOD, form(SUM))
    assert {cells[r, c].status for r in (1, 2, 3) for c in (2, 3, 4, 5)} == {"verified"}
    assert SUM in cells[1, 2].reason
    assert [check.state for check in note.checks] == ["holds"] * 3
    assert cells[1, 1].status == "ok", "no rule speaks of it"
    assert [cells[1, c].name for c in range(1, 6)] == list(NAMES)


def test_a_lost_point_is_put_back_by_the_total() -> None:
    cells, _ = checked([["1", ("525", 0.97, {"52.5": 0.02}), "6", "7", "65.5"], *GOOD], form(SUM))
    cell = cells[1, 2]
    assert (cell.value, cell.text, cell.status) == ("52.5", "525", "corrected")
    assert "525" in cell.reason and SUM in cell.reason
    assert cell.confidence >= 0.98


def test_a_writers_mistake_is_said_to_be_one_and_nothing_is_changed() -> None:
    cells, note = checked([["1", "5", "6", "7", "19"], *GOOD], form(SUM))
    assert [cells[1, c].value for c in range(2, 6)] == ["5", "6", "7", "19"]
    assert (cells[1, 5].status, note.checks[0].state, note.checks[0].expected) == ("review", "mistake", "18")
    assert "writer's mistake" in cells[1, 5].reason and "18" in cells[1, 5].reason
    assert {cells[1, c].status for c in (2, 3, 4)} == {"ok"}


def test_where_nobody_can_tell_who_is_wrong_all_are_looked_at() -> None:
    unsure: list[Said] = ["1", ("5", 0.985), ("6", 0.985), ("7", 0.985), ("19", 0.985)]
    cells, note = checked([unsure, *GOOD], form(SUM))
    assert note.checks[0].state == "open"
    assert {cells[1, c].status for c in (2, 3, 4, 5)} == {"review"}
    assert all(SUM in cells[1, c].reason for c in (2, 3, 4, 5))


def test_a_doubtful_cell_that_adds_up_needs_no_person() -> None:
    cells, _ = checked([["1", ("5", 0.6, {"6": 0.3}), "6", "7", "18"], *GOOD], form(SUM))
    assert (cells[1, 2].value, cells[1, 2].status) == ("5", "verified")


def test_an_unreadable_cell_is_not_made_up_but_hinted_at() -> None:
    cells, _ = checked([["1", "?", "6", "7", "18"], *GOOD], form(SUM))
    assert (cells[1, 2].value, cells[1, 2].status) == ("", "unreadable")
    assert "would make it 5" in cells[1, 2].reason


def test_a_sum_with_an_unreadable_cell_accuses_nobody() -> None:
    cells, _ = checked([["1", "5", "?", "6", "18"], *GOOD], form(SUM))
    assert [cells[1, c].status for c in (2, 3, 4, 5)] == ["ok", "unreadable", "ok", "ok"]


def test_a_blank_counts_as_nothing_and_is_doubted_if_something_is_missing() -> None:
    cells, _ = checked([["1", "", "6", "7", "13"], ["2", "", ("6", 0.9998), ("7", 0.9998), ("18", 0.9998)], *GOOD], form(SUM))
    assert (cells[1, 2].status, cells[1, 5].status) == ("blank", "verified")
    assert (cells[2, 2].status, cells[2, 2].value) == ("review", "")


def test_what_nobody_has_read_is_proposed_but_not_put_in() -> None:
    """A value that is not among the candidates, but that both its row and its column ask for."""
    rows: list[list[Said]] = [["", ("2", 0.97), "6", "7", "25"], *GOOD, ["", "27", "22", "24.5", "73.5"]]
    cells, _ = checked(rows, form(SUM, "last row is totals"))
    assert (cells[1, 2].value, cells[1, 2].status) == ("12", "review")
    assert "read as 2" in cells[1, 2].reason


def test_a_running_balance() -> None:
    columns = [Column(name, "money", 2) for name in ("in", "out", "balance")]
    known = form("balance = previous(balance) + in - out", columns=columns)
    rows: list[list[Said]] = [
        ["5.00", "", "105.00"],
        ["", "2.50", "102.50"],
        ["", "", ""],
        [("1.60", 0.9, {"1.50": 0.08}), "", "104.00"],
        ["", "4.00", "100.00"],
    ]
    cells, note = checked(rows, known)
    assert (cells[4, 1].value, cells[4, 1].status) == ("1.50", "corrected")
    assert [check.row for check in note.checks] == [2, 4, 5], "a blank line is passed over"


def test_pounds_shillings_and_pence() -> None:
    columns = [Column(name, "integer") for name in ("L", "s", "d")]
    known = form("12d = 1s, 20s = 1L", "last row is totals", columns=columns)
    rows: list[list[Said]] = [["1", "19", "11"], ["2", ("5", 0.9, {"3": 0.05}), "6"], ["4", "3", "5"]]
    cells, _ = checked(rows, known)
    assert (cells[2, 2].value, cells[2, 2].status) == ("3", "corrected")


def test_a_rounded_mean_holds_within_half_of_its_last_digit() -> None:
    known = form("total = round(avg(q1..q3), 1)")
    _, note = checked([["1", "5", "6", "6", "5.7"], ["2", "5", "", "6", "5.5"], ["3", "1", "1", "2", "1.6"]], known)
    assert [check.state for check in note.checks] == ["holds", "holds", "mistake"]


def test_a_form_says_what_can_stand_in_a_column() -> None:
    columns = [Column("mark", "integer", most=None, digits=2, may_be_blank=False), Column("nil", "integer", dash="zero")]
    cells, _ = checked([["123", "-"], ["", "7"], [("12", 0.97, {"125": 0.02}), "7"]], form(columns=columns))
    assert cells[1, 1].status == "review" and "can't stand" in cells[1, 1].reason
    assert (cells[1, 2].value, cells[1, 2].status) == ("0", "ok")
    assert cells[2, 1].status == "review" and "should be" in cells[2, 1].reason
    assert cells[3, 1].status == "ok", "the other candidate is out of place"


def test_headings_of_a_form_are_not_read() -> None:
    known = Form("f", (Column("a", "integer"),), header_rows=1)
    cells, _ = checked([["9"], ["7"]], known)
    assert (cells[1, 1].value, cells[1, 1].reason, cells[2, 1].status) == ("", TEXT_REASON, "ok")


def test_what_a_person_entered_stands_and_decides_for_the_others() -> None:
    rows: list[list[Said]] = [["1", ("5", 0.6, {"8": 0.3}), ("6", 0.6, {"3": 0.3}), "7", "18"], *GOOD]
    first, _ = check_page(table(rows), {1: form(SUM)}, 0.98)
    entered = [as_entered(c, "8") if (c.row, c.column) == (1, 2) else as_read(c, 0.98) for c in first]
    cells = {(c.row, c.column): c for c in check_page(entered, {1: form(SUM)}, 0.98)[0]}
    assert (cells[1, 2].value, cells[1, 2].status) == ("8", "verified")
    assert (cells[1, 3].value, cells[1, 3].status) == ("3", "corrected")


def test_looking_twice_changes_nothing() -> None:
    rows: list[list[Said]] = [["1", ("525", 0.97, {"52.5": 0.02}), "6", "?", "65.5"], ["2", "", "-", "7", "8"], *GOOD]
    for known in ({1: form(SUM)}, {}):
        once = check_page(table(rows), known, 0.98)
        assert check_page([as_read(c, 0.98) for c in once[0]], known, 0.98) == once


def test_rules_are_found_and_used_without_a_form() -> None:
    rng = np.random.default_rng(3)
    marks = rng.integers(0, 20, (12, 4))
    rows: list[list[Said]] = [[str(7 + i), *map(str, line), str(line.sum())] for i, line in enumerate(marks)]
    right = rows[5][2]
    rows[5][2] = ("99", 0.9, {str(right): 0.05})
    cells, note = checked(rows)
    assert note.are_found and set(note.rules) == {"C6 = sum(C2..C5)", "C1 is consecutive"}
    assert (cells[6, 3].value, cells[6, 3].status) == (right, "corrected")


def test_a_first_digit_misread_in_row_after_row_is_not_verified_by_counting() -> None:
    columns = [Column("no", "roll", digits=3)]
    rows: list[list[Said]] = [[(f"1{n:02d}", 0.5, {f"0{n:02d}": 0.1})] for n in range(1, 9)]
    rows += [[f"0{n:02d}"] for n in range(9, 20)]
    cells, _ = checked(rows, form("no is consecutive", columns=columns))
    assert {cells[r, 1].status for r in range(1, 9)} == {"review"}


def test_counting_reads_what_is_faint() -> None:
    columns = [Column("no", "roll", digits=3)]
    rows: list[list[Said]] = [[f"0{n:02d}"] for n in range(1, 9)]
    rows[3] = [("009", 0.6, {"004": 0.3})]
    cells, _ = checked(rows, form("no is consecutive", columns=columns))
    assert (cells[4, 1].value, cells[4, 1].status) == ("004", "corrected")


DAYS = (1, 2, 3, 3, 4, 5, 6, 8, 9, 10, 11, 12, 12, 13, 14, 16, 17, 18, 19)


def test_days_are_not_taken_for_numbers_that_count_but_never_fall() -> None:
    assert checked([[str(day)] for day in DAYS])[1].rules == ("C1 never falls",)


def _days(**said: Said) -> dict[tuple[int, int], CellReading]:
    """The days, each a little in doubt, but for those of some rows."""
    rows: list[list[Said]] = [[said.get(f"row{n}", (str(day), 0.97, {"21": 0.01}))] for n, day in enumerate(DAYS, 1)]
    known = form("day never falls", columns=[Column("day", "integer", least=Fraction(1), most=Fraction(31))])
    return checked(rows, known)[0]


def test_days_that_never_fall_are_read_by_those_around_them() -> None:
    cells = _days(row8=("3", 0.9, {"8": 0.095}))
    assert (cells[8, 1].value, cells[8, 1].status) == ("8", "corrected")
    assert "never falls" in cells[8, 1].reason
    assert {cells[row, 1].status for row in range(2, 19) if row != 8} == {"verified"}


def test_a_day_that_falls_is_the_writers_if_it_is_surely_read() -> None:
    cells = _days(row8="3")
    assert (cells[8, 1].value, cells[8, 1].status) == ("3", "review")
    assert "writer's mistake" in cells[8, 1].reason and "above is 6" in cells[8, 1].reason


def test_who_breaks_an_order_that_only_the_numbers_speak_for_has_made_no_mistake() -> None:
    days = [*range(14, 31, 2), *range(1, 12)]
    cells, note = checked([[str(day)] for day in days])
    assert note.rules == ("C1 never falls",)
    assert {cells[row, 1].status for row in range(1, len(days) + 1)} <= {"ok", "verified"}
    assert [check.row for check in note.checks if check.state != "holds"] == [10]
    days[3] = 11  # a single step back may be misread, however sure it is
    assert checked([[str(day)] for day in days])[0][4, 1].status == "review"


def test_no_day_is_made_up_of_its_neighbours() -> None:
    cells = _days(row8=("77", 0.9, {"71": 0.06}))
    assert cells[8, 1].status == "review"


def test_a_month_that_ends_in_the_middle_is_read_as_one() -> None:
    days = [*range(14, 31, 2), *range(1, 12)]
    known = form("day never falls", columns=[Column("day", "integer", least=Fraction(1), most=Fraction(31))])
    cells, note = checked([[str(day)] for day in days], known)
    assert [cells[row, 1].value for row in range(1, len(days) + 1)] == list(map(str, days))
    assert [check.row for check in note.checks if check.state == "mistake"] == [10]


def test_subtotals_are_of_the_rows_since_the_last_one() -> None:
    columns = [Column(name, "integer") for name in ("item", "carried")]
    known = form("carried = subtotal(item)", "last row is totals", columns=columns)
    rows: list[list[Said]] = [["5", ""], ["6", "11"], ["", "4"], [("7", 0.9, {"1": 0.05}), "-"], ["2", "3"], ["", "18"]]
    cells, note = checked(rows, known)
    assert (cells[4, 1].value, cells[4, 1].status) == ("1", "corrected")
    assert [(check.row, check.state) for check in note.checks] == [(2, "holds"), (5, "holds"), (6, "holds")]


@pytest.mark.parametrize("seed", range(20))
def test_numbers_that_rise_by_one_or_two_are_no_balances(seed: int) -> None:
    """Where all columns rise slowly, one plus the difference of two others is often the next."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(10, 60, 8) + rng.choice((1, 1, 2), (15, 8)).cumsum(axis=0)
    assert not [rule for rule in checked([[str(n) for n in row] for row in columns])[1].rules if "previous" in rule]


def test_numbers_that_count_up_and_start_again_are_none_of_the_rows() -> None:
    numbers = (21, 22, 23, 24, 81, 82, 80, 85, 77, 78, 79, 80, 60, 61)
    assert checked([[str(number)] for number in numbers])[1].rules == ()


def test_a_running_balance_is_found() -> None:
    rng = np.random.default_rng(1)
    amounts = rng.integers(1, 400, 12)
    paid = rng.random(12) < 0.5
    balance = 900 + np.where(paid, -amounts, amounts).cumsum()
    rows = [["" if out else str(a), str(a) if out else "", str(b)] for a, out, b in zip(amounts, paid, balance, strict=True)]
    assert set(checked(rows)[1].rules) == {"C3 = previous(C3) + C1 - C2"}


def test_headings_that_look_like_numbers_are_left_out_of_the_sums() -> None:
    marks = np.random.default_rng(5).integers(0, 20, (9, 4))
    rows: list[list[Said]] = [[("9011", 0.4), "121", "122", "123", "124", "7012"]]
    rows += [[str(7 + i), *map(str, line), str(line.sum())] for i, line in enumerate(marks)]
    rows += [["", *map(str, marks.sum(axis=0)), str(marks.sum())]]
    cells, note = checked(rows)
    assert set(note.rules) == {"C6 = sum(C2..C5)", "C1 is consecutive", "last row is totals"}
    assert {check.state for check in note.checks} == {"holds"}
    assert cells[1, 2].status == "ok" and cells[1, 1].value == "9011"


def test_years_above_the_columns_are_in_none_of_their_sums() -> None:
    rain = np.random.default_rng(5).integers(0, 900, (12, 8))
    rows: list[list[Said]] = [["8", *[""] * 7], [*map(str, range(1900, 1908))]]
    rows += [[f"{n / 100:.2f}" for n in line] for line in (*rain, rain.sum(axis=0))]
    _, note = checked(rows)
    assert note.rules == ("last row is totals",)
    assert {check.state for check in note.checks} == {"holds"}


def test_headings_beside_writing_are_not_read_though_they_look_like_numbers() -> None:
    marks = np.random.default_rng(5).integers(0, 20, (12, 4))
    rows: list[list[Said]] = [["Roll", "01", "02", ("03", 0.8), "04", "Total"]]
    rows += [[str(7 + i), *map(str, line), str(line.sum())] for i, line in enumerate(marks)]
    cells, note = checked(rows)
    assert set(note.rules) == {"C6 = sum(C2..C5)", "C1 is consecutive"}
    assert {(cells[1, c].value, cells[1, c].reason) for c in range(1, 7)} == {("", TEXT_REASON)}
    again = check_page([as_read(cell, 0.98) for cell in cells.values()], {}, 0.98)[0]
    assert list(again) == list(cells.values())


def test_a_first_row_in_doubt_is_no_heading() -> None:
    marks = np.random.default_rng(5).integers(0, 20, (12, 4))
    rows: list[list[Said]] = [[str(7 + i), *map(str, line), str(line.sum())] for i, line in enumerate(marks)]
    rows[0][2] = "scrawl"
    cells, _ = checked(rows)
    assert cells[1, 2].value == str(marks[0, 0])


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_found_where_there_is_nothing(seed: int) -> None:
    """Small numbers, many of them 0, make many chance hits."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, rng.integers(2, 12), (int(rng.integers(3, 25)), int(rng.integers(3, 9))))
    rows = [[str(number) for number in line] for line in numbers]
    cells, note = checked(rows)
    assert note.rules == ()
    assert [cells[r, c].status for r, c in cells] == ["ok"] * len(cells)


def test_no_sum_tells_a_zero_from_a_stray_stroke() -> None:
    cells, _ = checked(
        [["1", "5", "6", ("1", 0.9, {"0": 0.09}), "11"], ["2", "5", "6", ("0", 0.9, {"6": 0.09}), "11"], *GOOD], form(SUM)
    )
    assert cells[1, 4].status == "review" and "nothing, or a 0" in cells[1, 4].reason
    assert (cells[2, 4].value, cells[2, 4].status) == ("0", "review")
    cells, _ = checked([["1", "5", "6", "0", "11"], *GOOD], form(SUM))
    assert cells[1, 4].status == "verified"  # where ink alone is sure
