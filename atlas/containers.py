"""Rows for what runs containers."""

from typing import List

from program import At, Program, command, of_debian, tool


def _containerd(at: At) -> List[str]:
    place = at.address if at.address.startswith("@") else f"{at.address}/containerd.sock"
    text = f"""
version = 2
root = "{at.directory}/root"
state = "{at.directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{place}"
"""
    return [tool("containerd"), "-c", at.file("configuration.toml", text)]


PROGRAMS = [
    Program("containerd", of_debian("containerd"), _containerd, file="containerd.sock",
            names=[("`grpc.address = \"@NAME\"`", "@{}")], seconds=20),
    Program("containerd ttrpc", of_debian("containerd"), _containerd, file="containerd.sock.ttrpc",
            seconds=20),
    Program("podman system service", of_debian("podman"),
            command("podman", "system", "service", "--time", "0", "{}"), path="unix://{}",
            names=[("`unix:@NAME`", "unix:@{}")], seconds=20),
]
