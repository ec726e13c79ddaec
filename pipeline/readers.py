"""What a reading depends on beside the scan: the program, its models, the forms and some settings, as one short text."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline import __version__
from pipeline.ann import load_model
from pipeline.errors import FormError, ModelError, PipelineError
from pipeline.forms import forms_in_use
from pipeline.settings import Settings

_SHIPPED = Path(__file__).parent / "models"
#: Settings that say how a scan is read; others say where things are, how fast they go, and what is refused.
_COUNT = ("form", "pdf_dpi", "threshold")


def reader_version(settings: Settings) -> str:
    """What reads with these settings: two scans of one content and one version have the same readings.

    Raises ModelError and FormError if what is needed can't be read.
    """
    forms = sorted(settings.forms.glob("*.toml"))
    parts = {
        "model": [_bytes_of(file, ModelError) for file in models_of(settings)],
        "forms": [part for file in forms for part in (file.name.encode(), _bytes_of(file, FormError))],
        "settings": [f"{name}={getattr(settings, name)}".encode() for name in _COUNT],
    }
    return " ".join([f"pipeline {__version__}", *(f"{name} {_digest(content)}" for name, content in parts.items())])


def models_of(settings: Settings) -> list[Path]:
    """The files of the networks that are used. Raises ModelError if there are none."""
    shipped = sorted(_SHIPPED.glob("*.pkl"))
    reader = [file for file in shipped if file.name != "digits.pkl"]
    found = shipped if settings.model is None else [settings.model, *reader]
    for file in found:
        if not file.is_file():
            raise ModelError(f"the model {file} is not there")
    if not found:
        raise ModelError(f"there is no model in {_SHIPPED}")
    return found


def check_readers(settings: Settings) -> None:
    """See that the models and the forms can be loaded. Raises ModelError, FormError."""
    for file in models_of(settings):
        load_model(_bytes_of(file, ModelError), str(file))
    forms_in_use(settings.forms, settings.form)


def _bytes_of(file: Path, kind: type[PipelineError]) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise kind(f"{file} can't be read: {error.strerror}") from error


def _digest(parts: list[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:12]
