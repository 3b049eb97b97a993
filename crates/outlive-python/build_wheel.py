"""The build backend (PEP 517): maturin's, for which the `outlive` executable is built first.

Maturin makes a wheel of an extension module or of an executable, but not of both; what lies in the
data folder's `scripts` it takes along, and installers put that beside the interpreter. Another
profile of Cargo's than `wheel` is chosen by `pip install --config-settings profile=dev .`. There is
no source distribution: it would have to hold the whole workspace.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Optional

import maturin
from maturin import (  # noqa: F401
    get_requires_for_build_editable,
    get_requires_for_build_wheel,
)

Settings = Optional[Dict[str, Any]]

HERE = Path(__file__).parent
SCRIPTS = HERE / "outlive.data" / "scripts"


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: Settings = None
) -> str:
    # Maturin wants the data folder to be there, whatever is in it.
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return str(maturin.prepare_metadata_for_build_wheel(metadata_directory))


def _with_executable(settings: Settings) -> Dict[str, Any]:
    """Builds the executable into the data folder; maturin's settings."""
    profile = (settings or {}).get("profile", "wheel")
    command = ["cargo", "build", "--locked", "--package", "outlive-cli", "--profile", profile]
    command += ["--message-format", "json-render-diagnostics"]
    built = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE).stdout
    messages = [json.loads(line) for line in built.splitlines()]
    executables = [message.get("executable") for message in messages]
    program = Path(next(path for path in executables if path))
    shutil.rmtree(SCRIPTS, ignore_errors=True)
    SCRIPTS.mkdir(parents=True)
    shutil.copy2(program, SCRIPTS)
    # Maturin takes only arguments for itself from here.
    return {"build-args": f"--profile {profile}"}


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    settings = _with_executable(config_settings)
    return str(maturin.build_wheel(wheel_directory, settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    settings = _with_executable(config_settings)
    return str(maturin.build_editable(wheel_directory, settings, metadata_directory))
