"""What a grade is: for those who read one, who check one against a form, and who take one from a spreadsheet."""

from __future__ import annotations

LETTERS, SIGNS = "ABCDEF", "+-"
#: A to F, each with a plus, a minus or neither.
GRADES = frozenset(letter + sign for letter in LETTERS for sign in ("", *SIGNS))
