"""config/pipeline.toml + environment + flags → one frozen Settings."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError

#: Where the file is looked for when no --config and no PIPELINE_CONFIG says otherwise.
DEFAULT_FILE = Path("config/pipeline.toml")


def _setting(default: Any, section: str, least: float | None = None, most: float | None = None) -> Any:  # noqa: ANN401
    return field(default=default, metadata={"section": section, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with the default that config/pipeline.toml documents. Immutable; travels to the workers."""

    inbox: Path = _setting(Path("inbox"), "folders")
    outbox: Path = _setting(Path("outbox"), "folders")
    state: Path | None = _setting(None, "folders")
    settle: float = _setting(2.0, "watch", least=0.0)
    sweep: float = _setting(60.0, "watch", least=0.1)
    poll: bool = _setting(False, "watch")
    leave: float = _setting(60.0, "watch", least=0.0)
    metrics: Path | None = _setting(None, "watch")
    workers: int = _setting(0, "engine", least=0)
    page_seconds: float = _setting(600.0, "engine", least=0.1)
    max_bytes: int = _setting(1_000_000_000, "limits", least=1)
    max_pixels: int = _setting(120_000_000, "limits", least=1)
    max_page_bytes: int = _setting(1_000_000_000, "limits", least=1)
    max_pages: int = _setting(2000, "limits", least=1)
    image_seconds: float = _setting(60.0, "limits", least=0.1)
    pdf_dpi: int = _setting(200, "limits", least=50, most=1200)
    pdf_seconds: float = _setting(60.0, "limits", least=0.1)
    model: Path | None = _setting(None, "reading")
    threshold: float = _setting(0.986, "reading", least=0.0, most=1.0)
    forms: Path = _setting(Path("config/forms"), "reading")
    form: str = _setting("", "reading")

    @property
    def state_folder(self) -> Path:
        """Where the journal is: `state`, or a hidden folder in the outbox."""
        return self.state if self.state is not None else self.outbox / ".pipeline"

    @property
    def own_model(self) -> Path:
        """Where a network that was learned from corrections is kept: `model`, or a place beside the journal."""
        return self.model or self.state_folder / "model" / "digits.pkl"

    @property
    def worker_count(self) -> int:
        """`workers`, or one for each core that this process may use."""
        if self.workers:
            return self.workers
        usable = getattr(os, "sched_getaffinity", None)  # Linux: honours containers and taskset
        return len(usable(0)) if usable else os.cpu_count() or 1


def load_settings(
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Settings by precedence: flags (None values are unset) > PIPELINE_… > file > default.

    Without `file`, PIPELINE_CONFIG names it, else config/pipeline.toml is used if it exists.

    Raises SettingsError, naming where the value came from, for an unknown name or a value of a wrong type or range.
    """
    environment = os.environ if environment is None else environment
    if file is None and environment.get("PIPELINE_CONFIG"):
        file = Path(environment["PIPELINE_CONFIG"])
    values: dict[str, object] = {}
    if file is not None or DEFAULT_FILE.is_file():
        values.update(_from_file(file or DEFAULT_FILE))
    for name, spec in _SPECS.items():
        variable = f"PIPELINE_{name.upper()}"
        if variable in environment:
            values[name] = _checked(name, _parse(environment[variable], spec.default), variable)
    for name, value in (flags or {}).items():
        if value is not None:
            values[name] = _checked(name, value, f"--{name.replace('_', '-')}")
    return replace(Settings(), **values)  # type: ignore[arg-type]


_SPECS = {f.name: f for f in fields(Settings)}


def _from_file(file: Path) -> dict[str, object]:
    try:
        with file.open("rb") as stream:
            sections = tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    values: dict[str, object] = {}
    for section, content in sections.items():
        if not isinstance(content, dict):
            raise SettingsError(f"{file}: {section!r} stands outside a [section]")
        for name, value in content.items():
            spec = _SPECS.get(name)
            if spec is None or spec.metadata["section"] != section:
                raise SettingsError(f"{file}: [{section}] has no setting {name!r}")
            values[name] = _checked(name, value, f"{file} [{section}]")
    return values


def _parse(text: str, default: object) -> object:
    """A value from the environment, in the type of the default; left as text where it is not one, for _checked to refuse."""
    if isinstance(default, bool):
        return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}.get(
            text.strip().lower(), text
        )
    for kind in (int, float):
        if isinstance(default, kind):
            try:
                return kind(text)
            except ValueError:
                return text
    return text


def _checked(name: str, value: object, source: str) -> object:
    spec = _SPECS.get(name)
    if spec is None:
        raise SettingsError(f"{source}: there is no setting {name!r}")
    if spec.default is None or isinstance(spec.default, Path):
        if not isinstance(value, str | Path):
            raise SettingsError(f"{source}: {name} is a folder, not {value!r}")
        if str(value) == "":
            if spec.default is None:
                return None
            raise SettingsError(f"{source}: {name} is empty")
        return Path(value)
    kind = type(spec.default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise SettingsError(f"{source}: {name} must be a {kind.__name__}, not {value!r}")
    least, most = spec.metadata["least"], spec.metadata["most"]
    # written so that nan, which compares false to everything, is refused too
    if least is not None and not (least <= value <= (most if most is not None else math.inf)):  # type: ignore[operator]
        bounds = f"at least {least}" + (f" and at most {most}" if most is not None else "")
        raise SettingsError(f"{source}: {name} must be {bounds}, not {value}")
    return value
