"""The tree of errors: codes, remedies, and the way between processes."""

from __future__ import annotations

import pickle

import pytest

from pipeline import errors
from pipeline.errors import EXIT_CODES, PipelineError, ScanError


def classes(base: type[PipelineError] = PipelineError) -> list[type[PipelineError]]:
    return [base, *(found for child in base.__subclasses__() for found in classes(child))]


OURS = [found for found in classes() if found.__module__ == errors.__name__]


@pytest.mark.parametrize("error", OURS[1:])
def test_every_error_has_a_remedy_and_a_listed_code(error: type[PipelineError]) -> None:
    assert error.default_remedy
    assert error.exit_code in dict(EXIT_CODES)
    assert error.__name__ in (errors.__doc__ or "")


def test_kinds_of_error_have_codes_of_their_own() -> None:
    kinds = [found for found in PipelineError.__subclasses__() if found.__module__ == errors.__name__]
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
    assert len(dict(EXIT_CODES)) == len(EXIT_CODES)


@pytest.mark.parametrize("error", OURS)
def test_errors_survive_the_way_between_processes(error: type[PipelineError]) -> None:
    copy = pickle.loads(pickle.dumps(error("It broke", "Mend it.")))
    assert type(copy) is error
    assert (copy.message, copy.remedy, str(copy)) == ("It broke", "Mend it.", "It broke. Mend it.")


def test_message_and_remedy_make_sentences() -> None:
    assert str(PipelineError("It broke")) == "It broke"
    assert str(PipelineError("It broke.", "Mend it.")) == "It broke. Mend it."
    assert str(ScanError("It broke")) == "It broke. Scan the paper again."
