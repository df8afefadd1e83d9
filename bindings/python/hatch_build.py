"""Builds the library with cargo, and the accelerator, and puts them into the wheel.

UDSOCK_LIBRARY names a library that is built already; UDSOCK_BUILD_PROFILE one of cargo's
profiles, if not release. Where no accelerator can be built, or UDSOCK_ACCELERATOR is set and
empty, the wheel has none, and does for every Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Optional

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILE_NAME = "libudsock.so"
ACCELERATOR_NAME = "_fast.abi3.so"
CANT_BUILD = 77


class BuildHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        built = os.environ.get("UDSOCK_LIBRARY") or str(build(Path(self.root)))
        build_data["force_include"][built] = f"udsock/{FILE_NAME}"
        build_data["pure_python"] = False
        accelerator = self.accelerator()
        if accelerator is not None:
            build_data["force_include"][str(accelerator)] = f"udsock/{ACCELERATOR_NAME}"
        # ctypes needs no ABI of Python's: without an accelerator one wheel does for every version.
        python = "py3-none" if accelerator is None else "cp311-abi3"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"{python}-{platform}"

    def accelerator(self) -> Optional[Path]:
        """What was built; None: it can't be, and need not."""
        if os.environ.get("UDSOCK_ACCELERATOR") == "":
            return None
        # (This file is not imported from its folder.)
        source = Path(self.root) / "accelerator" / "build.py"
        self.place = tempfile.TemporaryDirectory()
        made = Path(self.place.name) / ACCELERATOR_NAME
        done = subprocess.run([sys.executable, source, made], stdout=subprocess.PIPE, text=True)
        if done.returncode == CANT_BUILD:
            self.app.display_warning(f"without the accelerator: {done.stdout.strip()}")
            return None
        done.check_returncode()
        return made


def build(root: Path) -> Path:
    """The path of the library, built from a checkout or from a source distribution."""
    places = [root / "library", root.parent.parent]
    manifest = next(
        (place / "Cargo.toml" for place in places if (place / "Cargo.toml").is_file()), None
    )
    if manifest is None:
        raise SystemExit(f"the library's source is neither in {places[0]} nor in {places[1]}")
    profile = os.environ.get("UDSOCK_BUILD_PROFILE", "release")
    arguments = ["--manifest-path", str(manifest)]
    cargo("build", "--locked", "--lib", "--profile", profile, *arguments)
    metadata = cargo("metadata", "--locked", "--no-deps", "--format-version=1", *arguments)
    target = Path(json.loads(metadata)["target_directory"])
    return target / ("debug" if profile == "dev" else profile) / FILE_NAME


def cargo(*arguments: str) -> bytes:
    command = [os.environ.get("CARGO", "cargo"), *arguments]
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    except FileNotFoundError:
        raise SystemExit(
            "the library is written in Rust: to build it takes cargo (https://rustup.rs), or "
            "UDSOCK_LIBRARY with the path of one that is built already"
        ) from None
