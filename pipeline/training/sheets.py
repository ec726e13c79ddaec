"""The sheets we draw: mark sheets and ledgers, filled in at random with sums that are right."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from pipeline.training.pages import Column, SheetSpec

_FIRST = ("Ada", "Amir", "Bea", "Carl", "Chloe", "Dana", "Emil", "Fatima", "George", "Hana", "Ivan", "Jane", "Karim", "Lena")
_LAST = (
    "Adams",
    "Baker",
    "Costa",
    "Diaz",
    "Evans",
    "Fischer",
    "Garcia",
    "Hall",
    "Ito",
    "Jones",
    "Khan",
    "Lopez",
    "Mills",
    "Nowak",
)
_ENTRIES = (
    "Stationery",
    "Fees",
    "Postage",
    "Bus hire",
    "Books",
    "Donation",
    "Repairs",
    "Milk",
    "Sports day",
    "Sundries",
)


def mark_sheet(
    rng: np.random.Generator,
    title: str = "Mark sheet 9A",
    rows: int = 25,
    questions: int = 5,
    blank_rows: Collection[int] = (),
    blank_columns: Collection[int] = (),
    blank_share: float = 0.0,
    totals: bool = False,
) -> SheetSpec:
    """Printed roll number and name, handwritten marks of up to 20 with some halves, and their total.

    Pupils in `blank_rows` (from 0) have no marks; no pupil has any for the questions in `blank_columns` (from 0); of the other
    marks `blank_share` are missing. With `totals`, a last row adds up each column.
    """
    answers = tuple(Column(f"Q{question + 1}", 88 / questions) for question in range(questions))
    columns = (Column("Roll", 16, "printed"), Column("Name", 44, "text"), *answers, Column("Total", 24))
    first = int(rng.integers(1, 60))
    lines = []
    sums = np.zeros(questions + 1, np.int64)
    for row in range(rows):
        name = f"{_LAST[rng.integers(len(_LAST))]}, {_FIRST[rng.integers(len(_FIRST))]}"
        halves = np.minimum(rng.integers(0, 21, questions) * 2 + (rng.random(questions) < 0.2), 40)
        present = np.array([row not in blank_rows and q not in blank_columns for q in range(questions)])
        present &= rng.random(questions) >= blank_share
        marks = [_mark(int(h)) if there else "" for h, there in zip(halves, present, strict=True)]
        total = _mark(int(halves[present].sum())) if present.any() else ""
        lines.append((f"{first + row:03d}", name, *marks, total))
        sums += [*np.where(present, halves, 0), halves[present].sum()]
    if totals:
        lines.append(("", "Total", *(_mark(int(value)) for value in sums)))
    return SheetSpec(title, columns, tuple(lines))


def ledger(
    rng: np.random.Generator,
    title: str = "Cash book March",
    rows: int = 24,
    blank_rows: Collection[int] = (),
    opening: int = 50_000,
    first: int = 1,
    days: tuple[int, int] = (1, 28),
) -> SheetSpec:
    """Printed number and entry; handwritten day, paid in or paid out, and the running balance, with two decimals.

    `opening` is the balance to start from, in hundredths; numbers count from `first`; entries are made between the two `days`.
    Rows in `blank_rows` (from 0) have a number only.
    """
    columns = (
        Column("No.", 14, "printed"),
        Column("Day", 16),
        Column("Entry", 42, "text"),
        Column("Paid in", 34),
        Column("Paid out", 34),
        Column("Balance", 38),
    )
    balance = opening
    dates = np.sort(rng.integers(days[0], days[1] + 1, rows))
    lines = []
    for row in range(rows):
        number = f"{first + row:03d}"
        if row in blank_rows:
            lines.append((number, "", "", "", "", ""))
            continue
        amount = int(rng.integers(150, 25_000))
        paid_in = amount > balance or rng.random() < 0.5
        balance += amount if paid_in else -amount
        entry = _ENTRIES[rng.integers(len(_ENTRIES))]
        lines.append((number, str(dates[row]), entry, *_in_or_out(amount, paid_in), _money(balance)))
    return SheetSpec(title, columns, tuple(lines))


def _in_or_out(amount: int, paid_in: bool) -> tuple[str, str]:
    return (_money(amount), "") if paid_in else ("", _money(amount))


def _mark(halves: int) -> str:
    return f"{halves // 2}.5" if halves % 2 else str(halves // 2)


def _money(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"
