"""The errors a user can meet, as one tree. Each class has an exit code and ends its message with a remedy.

PipelineError
├── ScanError            1  this scan can't be read; the others go on
│   ├── EmptyScan
│   ├── UnsupportedScan
│   ├── CorruptScan
│   ├── EncryptedScan
│   ├── OversizedScan
│   └── WorkerDied
├── UsageError           2  the command can't mean what it says
├── SettingsError        3  pipeline.toml, an environment variable or a flag is wrong
│   └── FormError            a form in config/forms is wrong
├── ModelError           4  the trained network can't be loaded or saved
├── StateError           5  the journal can't be used
│   └── StateUnavailable     not just now; trying again may help
├── OutputError          6  a spreadsheet can't be written
├── DataError            7  training data are missing or not what they should be
└── EngineError          8  the processes that read scans can't be started
"""

from __future__ import annotations

from typing import ClassVar


class PipelineError(Exception):
    """Base of all errors that are reported, not traced: what happened, and what to do about it."""

    exit_code: ClassVar[int] = 1
    default_remedy: ClassVar[str] = ""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)  # both in args, so that it survives pickling between processes
        self.message = message
        self.remedy = remedy or self.default_remedy

    def __str__(self) -> str:
        return f"{self.message.rstrip('.')}. {self.remedy}".rstrip() if self.remedy else self.message


class ScanError(PipelineError):
    """One scan can't be read. Never stops a batch."""

    exit_code = 1
    default_remedy = "Scan the paper again."


class EmptyScan(ScanError):
    """The file has no bytes, or a document has no pages."""

    default_remedy = "The scanner or the copy was interrupted: scan or copy it again."


class UnsupportedScan(ScanError):
    """The file is no JPEG, PNG, TIFF or PDF."""

    default_remedy = "Save it as JPEG, PNG, TIFF or PDF."


class CorruptScan(ScanError):
    """The file says it is an image or a document, but can't be decoded."""

    default_remedy = "The file is damaged or cut short: scan or copy it again."


class EncryptedScan(ScanError):
    """A PDF that wants a password."""

    default_remedy = "Remove the password from the PDF and drop it again."


class OversizedScan(ScanError):
    """More pixels or pages than the settings allow."""

    default_remedy = "Scan at 300 dpi, split the document, or raise the limit in config/pipeline.toml."


class WorkerDied(ScanError):
    """The process that read the scan was killed, twice."""

    default_remedy = "The file breaks the decoder or needs too much memory: scan it again, or at a lower resolution."


class UsageError(PipelineError):
    """The command line can't be carried out as written."""

    exit_code = 2
    default_remedy = "See --help."


class SettingsError(PipelineError):
    """A setting has a wrong name, type or value."""

    exit_code = 3
    default_remedy = "config/pipeline.toml in the project lists every setting with its default."


class FormError(SettingsError):
    """A form has a wrong key, type or rule; the message names file, line and key."""

    default_remedy = "config/forms/marksheet.toml in the project explains what a form can say."


class ModelError(PipelineError):
    """The trained network can't be used."""

    exit_code = 4
    default_remedy = "Install pipeline again, or make a model with `pipeline train`."


class StateError(PipelineError):
    """The journal can't be opened, or was made by a newer version."""

    exit_code = 5
    default_remedy = "Is the disk full, or the state folder read-only?"


class StateUnavailable(StateError):
    """The journal can't be used just now: the disk is full or fails, another program has it. What was committed is safe."""


class OutputError(PipelineError):
    """A spreadsheet can't be written."""

    exit_code = 6
    default_remedy = "Is the disk full, the folder read-only, or the file open in another program?"


class DataError(PipelineError):
    """Training data are missing or damaged."""

    exit_code = 7
    default_remedy = "Point --data or PIPELINE_DATA at a folder with the four MNIST files."


class EngineError(PipelineError):
    """The processes that read scans can't be started, or die before they have."""

    exit_code = 8
    default_remedy = "Is there memory left? `pipeline doctor` says what is wrong."


#: The table that `pipeline --help` prints.
EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "all read"),
    (ScanError.exit_code, "some scans failed; the others are in the outbox"),
    (UsageError.exit_code, "wrong usage"),
    (SettingsError.exit_code, "wrong settings"),
    (ModelError.exit_code, "the model can't be used"),
    (StateError.exit_code, "the journal can't be used"),
    (OutputError.exit_code, "a spreadsheet can't be written"),
    (DataError.exit_code, "training data are missing or damaged"),
    (EngineError.exit_code, "the processes that read scans can't be started"),
    (130, "interrupted"),
)
