from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import drafts
from pipeline.arithmetic import check_page
from pipeline.errors import ScanError
from pipeline.forms import read_form
from pipeline.records import Failure, PageResult, ScanResult
from pipeline.settings import Settings
from tests.arithmetic.tables import table


def drafted(monkeypatch: pytest.MonkeyPatch, result: ScanResult) -> str:
    monkeypatch.setattr(drafts, "read_scan", lambda data, settings: result)
    return drafts.form_from(b"", Settings())


def test_a_draft_is_a_form_that_says_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["Roll", "Name", "Q", "Q", "Sum"]]
    marks = [(7 * n * n % 19, 5 * n * n % 17) for n in range(7, 19)]
    rows += [[f"{n:03d}", "Ada", f"{a}.5", str(b), f"{a + b}.5"] for n, (a, b) in enumerate(marks, 7)]
    readings, notes = check_page(table(rows), {}, 0.98)
    file = tmp_path / "new.toml"
    file.write_text(drafted(monkeypatch, ScanResult((PageResult(1, readings, tables=notes),))))
    form = read_form(file)
    assert [column.type for column in form.columns] == ["roll", "text", "decimal", "integer", "decimal"]
    assert (form.columns[0].digits, form.columns[2].decimals, form.header_rows) == (3, 1, 1)
    assert {rule.text for rule in form.rules} >= {"C1 is consecutive", "C5 = sum(C3..C4)"}
    assert form.widths is not None


def test_a_scan_without_a_table_or_that_can_not_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScanError, match="no table"):
        drafted(monkeypatch, ScanResult((PageResult(1, ()),)))
    with pytest.raises(ScanError, match="cut short"):
        drafted(monkeypatch, ScanResult((), Failure("CorruptScan", "It is cut short", "Scan it again.")))
