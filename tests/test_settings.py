"""Settings: precedence, and refusals that say where the value came from."""

from __future__ import annotations

import os
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings

DOCUMENTED = Path(__file__).parent.parent / "config" / "pipeline.toml"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(text: str) -> Path:
    path = Path("settings.toml")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_documented_file_says_the_defaults() -> None:
    assert load_settings(environment={}, file=DOCUMENTED) == Settings()
    text = DOCUMENTED.read_text(encoding="utf-8")
    assert [field.name for field in fields(Settings) if f"\n{field.name} = " not in text] == []


def test_flag_over_environment_over_file_over_default() -> None:
    file = config("[engine]\nworkers = 2\n[reading]\nthreshold = 0.5\n[watch]\nsettle = 9")
    environment = {"PIPELINE_WORKERS": "3", "PIPELINE_THRESHOLD": "0.6"}
    settings = load_settings({"workers": 4, "threshold": None}, environment, file)
    assert (settings.workers, settings.threshold, settings.settle, settings.sweep) == (4, 0.6, 9.0, 60.0)


def test_where_the_file_is_looked_for() -> None:
    assert load_settings(environment={}) == Settings()
    named = config("[engine]\nworkers = 2")
    assert load_settings(environment={"PIPELINE_CONFIG": str(named)}).workers == 2
    Path("config").mkdir()
    Path("config/pipeline.toml").write_text("[engine]\nworkers = 3")
    assert load_settings(environment={}).workers == 3
    assert load_settings(environment={"PIPELINE_CONFIG": str(named)}).workers == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[engine]\nworker = 2", "worker"),
        ("[reading]\nworkers = 2", r"\[reading\] has no setting 'workers'"),
        ("workers = 2", "outside"),
        ("[engine]\nworkers = -1", "at least 0"),
        ("[engine]\nworkers = 1.5", "must be a int"),
        ("[engine]\nworkers = true", "must be a int"),
        ("[reading]\nthreshold = 1.1", "at most 1"),
        ("[reading]\nthreshold = nan", "at least"),
        ("[watch]\npoll = 1", "must be a bool"),
        ("[folders]\ninbox = ''", "empty"),
        ("[folders]\ninbox = 3", "folder"),
        ("[engine", "TOML"),
        ("\ud800", "TOML"),
    ],
)
def test_a_wrong_file_is_refused(text: str, told: str) -> None:
    file = Path("settings.toml")
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsError, match=told):
        load_settings(environment={}, file=file)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml can't be read"):
        load_settings(environment={}, file=Path("nowhere.toml"))


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)])
def test_switches_in_the_environment(value: str, expected: bool) -> None:
    assert load_settings(environment={"PIPELINE_POLL": value}).poll is expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("POLL", "maybe"), ("WORKERS", "two"), ("WORKERS", "1.5"), ("THRESHOLD", "2"), ("THRESHOLD", "nan"), ("INBOX", "")],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"PIPELINE_{name}"):
        load_settings(environment={f"PIPELINE_{name}": value})


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(SettingsError, match="--max-pixels"):
        load_settings({"max_pixels": 0}, {})
    with pytest.raises(SettingsError, match="no setting 'colour'"):
        load_settings({"colour": "red"}, {})


def test_state_is_kept_beside_the_spreadsheets_unless_said_otherwise() -> None:
    assert Settings(outbox=Path("out")).state_folder == Path("out/.pipeline")
    assert load_settings({"state": "there"}, {}).state_folder == Path("there")
    assert load_settings({"state": ""}, {}).state_folder == Path("outbox/.pipeline")


def test_workers_default_to_the_cores_that_may_be_used() -> None:
    assert Settings(workers=3).worker_count == 3
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert Settings().worker_count == usable


def test_settings_travel_to_workers() -> None:
    settings = Settings(inbox=Path("a"), workers=2)
    assert pickle.loads(pickle.dumps(settings)) == settings
