"""A scan's result in words."""

from __future__ import annotations

from pipeline.errors import PipelineError
from pipeline.records import ScanResult

_NOTES_SHOWN = 5


def describe(result: ScanResult) -> str:
    """What a person should know about a scan: the failure and its remedy, or the notes of its pages."""
    if result.failure:
        text = str(PipelineError(result.failure.message, result.failure.remedy))
        if result.pages:
            text += f" Its first {len(result.pages)} pages were read." if len(result.pages) > 1 else " Its first page was read."
    elif len(result.pages) == 1:
        text = result.pages[0].note
    else:
        notes = [f"Page {page.number}: {page.note}" for page in result.pages if page.note]
        more = len(notes) - _NOTES_SHOWN
        text = "; ".join(notes[:_NOTES_SHOWN]) + (f"; and {more} pages more" if more > 0 else "")
    text = text[:1].upper() + text[1:]
    return text.encode("utf-8", "backslashreplace").decode()  # an error may quote a path that is no text
