"""Builds the library with cargo and puts it into the wheel.

UDSOCK_LIBRARY names a library that is built already; UDSOCK_BUILD_PROFILE one of cargo's
profiles, if not release.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILE_NAME = "libudsock.so"


class BuildHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        built = os.environ.get("UDSOCK_LIBRARY") or str(build(Path(self.root)))
        build_data["force_include"][built] = f"udsock/{FILE_NAME}"
        build_data["pure_python"] = False
        # ctypes needs no ABI of Python's: one wheel does for every version.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


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
