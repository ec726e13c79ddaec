"""What others rely on: the names, the commands as the README tells them, and what is packed."""

from __future__ import annotations

import configparser
import inspect
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

import pipeline
from pipeline import cli
from pipeline.records import Reading, ScanResult

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = {".".join(file.parent.relative_to(ROOT).parts) for file in ROOT.glob("pipeline/**/__init__.py")}


def metadata() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def listed(value: str) -> list[str]:
    return [line for line in value.split("\n") if line]


def commands() -> Mapping[str, click.Command]:
    return cli.cli.commands


# the package


def test_the_public_names_are_these() -> None:
    assert sorted(pipeline.__all__) == ["PipelineError", "Settings", "__version__", "digitise", "load_settings", "read_number"]
    for name in pipeline.__all__:
        found = getattr(pipeline, name)
        assert isinstance(found, str) or inspect.getdoc(found)


@pytest.mark.parametrize("name", ["digitise", "read_number"])
def test_bytes_are_all_that_is_needed(name: str) -> None:
    """As the package's own example has it."""
    assert f"{name}(Path(" in (pipeline.__doc__ or "")
    inspect.signature(getattr(pipeline, name)).bind(b"")


def test_what_comes_back_is_a_record() -> None:
    hints = {
        name: inspect.signature(getattr(pipeline, name), eval_str=True).return_annotation
        for name in ("digitise", "read_number")
    }
    assert hints == {"digitise": ScanResult, "read_number": Reading}


def test_the_version_is_one_and_the_changelog_knows_it() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", pipeline.__version__)
    assert metadata()["metadata"]["version"] == "attr: pipeline.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert pipeline.__version__ in changelog or "Unreleased" in changelog


def test_help_does_not_wait_for_heavy_libraries() -> None:
    """Pandas and openpyxl are only needed to write, NumPy to compute: `train` says how many threads it may have before."""
    heavy = ("numpy", "cv2", "pandas", "openpyxl", "watchdog", "pypdfium2", "matplotlib")
    command = f"import pipeline.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# what is packed


def test_every_package_is_packed() -> None:
    """setup.cfg lists them by hand; one that is forgotten is missing from the wheel only."""
    packed = listed(metadata()["options"]["packages"])
    assert sorted(PACKAGES | {"pipeline.config", "pipeline.models", "pipeline.samples"}) == sorted(packed)


def test_every_data_file_is_packed() -> None:
    patterns = {name: value.split(", ") for name, value in metadata()["options.package_data"].items()}
    forgotten = []
    for package in listed(metadata()["options"]["packages"]):
        folder = ROOT / ("config" if package == "pipeline.config" else package.replace(".", "/"))
        for file in sorted(folder.glob("*")):
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                forgotten += (
                    [] if any(file.match(pattern) for pattern in patterns.get(package, [])) else [f"{package}: {file.name}"]
                )
    assert forgotten == []


def test_the_command_is_installed_as_pipeline() -> None:
    assert listed(metadata()["options.entry_points"]["console_scripts"]) == ["pipeline = pipeline.cli:main"]


def test_every_library_that_is_needed_is_asked_for() -> None:
    wanted = {
        re.split(r"[<>=~!]", line)[0] for line in listed(metadata()["options"]["install_requires"]) if not line.startswith("#")
    }
    assert wanted == {"numpy", "opencv-python-headless", "pandas", "watchdog", "click", "openpyxl", "pypdfium2", "matplotlib"}
    assert metadata()["options"]["python_requires"] == ">=3.11"


# the README


def test_the_readme_tells_of_every_command() -> None:
    assert [name for name in commands() if f"pipeline {name}" not in README] == []


def test_every_command_that_the_readme_tells_of_exists() -> None:
    told = set(re.findall(r"`(?:\S*/)?pipeline (\w[\w-]*)", README)) | set(re.findall(r"bin/pipeline (\w[\w-]*)", README))
    assert told - set(commands()) == set()


def test_every_option_that_the_readme_tells_of_exists() -> None:
    nested = [command for group in commands().values() if isinstance(group, click.Group) for command in group.commands.values()]
    every = (cli.cli, *commands().values(), *nested)
    known = {option for command in every for parameter in command.params for option in parameter.opts}
    known |= {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - known == set()


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_names_the_columns_as_they_are_written() -> None:
    from pipeline.export.readings import HEADER

    assert f"`{','.join(HEADER)}`" in README
