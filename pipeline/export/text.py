"""Text that any spreadsheet program takes as text: file names and readings may hold anything."""

from __future__ import annotations

import re
import unicodedata

#: Excel's limit for one cell, UTF-16 units.
LONGEST_TEXT = 32_767

# the last four are what East Asian versions of Excel take for = + - @
_DANGEROUS = "=+\\-@\t\r\n＝＋－＠"
_CSV_SAFE = re.compile(rf"(?:[^{_DANGEROUS}\0\ud800-\udfff][^\0\r\ud800-\udfff]*)?")
_STARTS_DANGEROUSLY = re.compile(f"[{_DANGEROUS}]")
# -5, +1.5, a nil dash, and the same in doubt: -5?
_HARMLESS = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)*)?\??")
# these two confuse CSV readers even inside quotes
_CSV_PICTURES = {0: "␀", ord("\r"): "␍"}
_SHEET_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡", 0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}


def safe_text(text: str) -> str:
    """`text` for a field of a CSV file, so that no spreadsheet program takes it for a formula.

    What begins like one gets an apostrophe in front, unless it is a plain number or a lone sign. NUL and CR become
    pictures (␀ ␍), bytes that are not UTF-8 in a file name are written as \\udcXX; line feeds stay, quoted.
    """
    if _CSV_SAFE.fullmatch(text):
        return text
    guard = "'" if looks_like_formula(text) else ""
    return guard + _encodable(text.translate(_CSV_PICTURES))


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet program may take `text` for a formula when it is typed in or loaded from a CSV file."""
    return bool(_STARTS_DANGEROUSLY.match(text)) and not _HARMLESS.fullmatch(text)


def sheet_text(text: str) -> str:
    """`text` for a cell of a workbook: one line, no character that XML forbids, cut at Excel's limit."""
    if not (text.isascii() and text.isprintable()):
        text = _encodable(text.translate(_SHEET_PICTURES))
    if len(text) > LONGEST_TEXT // 2:
        text = text.encode("utf-16-le")[: 2 * LONGEST_TEXT].decode("utf-16-le", "ignore")
    return text


def display_width(text: str) -> int:
    """How many columns of a fixed font `text` takes: two for Chinese, Japanese and Korean characters."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
