"""Rows for what runs containers."""

import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, List

from machine import behind, end_all, socket_files, until
from program import At, NotHere, Program, command, of_debian, tool

if TYPE_CHECKING:
    from stage import Stage


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


# Without a network of its own: it changes none of the machine's.
_dockerd = command(
    "dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs",
    "--data-root", "{directory}/data", "--exec-root", "{directory}/exec", "--pidfile", "{directory}/pid",
    "-H", "{}",
)


def _files_of_dockerd(stage: "Stage") -> str:
    stage.listens(stage.start())
    said = " · ".join(line.replace("own1/", "") for line in socket_files(stage.directory))
    return re.sub(r"\b[0-9a-f]{12}\b", "ID", said)


def _shim(at: At) -> List[str]:
    """One that serves by itself, at an address that is not made of its container's name."""
    log = at.directory / "log"
    if not log.exists():
        os.mkfifo(log)
    threading.Thread(target=log.read_bytes, daemon=True).start()
    return [tool("containerd-shim-runc-v2"), "-namespace", "atlas", "-id", "one", "-address",
            "/nobody/containerd.sock", "-socket", at.address]


def _start_of_a_shim(stage: "Stage") -> str:
    """As containerd starts one: what it answers, what is there then, and after the same again."""
    bundle, run = stage.directory / "bundle", stage.directory / "run"
    bundle.mkdir()
    run.mkdir()
    (bundle / "config.json").write_text("{}")
    os.mkfifo(bundle / "log")
    log = os.open(bundle / "log", os.O_RDWR)
    shim = [tool("containerd-shim-runc-v2"), "-namespace", "atlas", "-id", "one", "-address",
            "/nobody/containerd.sock", "-publish-binary", "/bin/true", "start"]
    script = f'mount --make-rprivate / && mount --bind {run} /run && exec "$@"'
    isolated = [tool("unshare"), "-m", "sh", "-c", script, "sh", *shim]

    def start() -> str:
        answer = subprocess.run(isolated, cwd=bundle, capture_output=True, timeout=20)
        return (answer.stdout + answer.stderr).decode().strip()

    first = start()
    time.sleep(0.5)
    modes = [f"{it.relative_to(run)} {it.stat().st_mode & 0o7777:04o}" for it in run.rglob("*") if it.is_dir()]
    there = socket_files(run)
    second = start()
    same = "the same answer, and no other shim" if second == first else second
    end_all()
    third = start()
    again = "takes the path" if third == first and "stream" in str(socket_files(run)) else third
    os.close(log)
    said = (f"says {first} · {', '.join(modes)} · {', '.join(there)} · start again: {same} · "
            f"after SIGKILL: {again}")
    return re.sub("[0-9a-f]{64}", "SHA256", said)


def _device_plugin(at: At) -> List[str]:
    return [_of_kubernetes(), "plugin", at.address]


def _of_kubernetes() -> str:
    """Built once, from sources that no package has: see the README."""
    program = Path(os.environ.get("ATLAS_CACHE", "/tmp/udsock-atlas-kubernetes")) / "device_plugin"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        source = Path(__file__).with_name("device_plugin.go")
        environment = {**os.environ, "GO111MODULE": "off", "GOCACHE": str(program.parent / "built")}
        build = [tool("go"), "build", "-o", str(program), str(source)]
        subprocess.run(build, env=environment, check=True)
    return str(program)


def _version_of_kubernetes() -> str:
    """The day of the sources, which GOPATH has."""
    for place in os.environ.get("GOPATH", "").split(":"):
        day = Path(place) / "src/k8s.io/kubelet/DAY"
        if day.exists():
            return day.read_text().strip()
    raise NotHere("k8s.io/kubelet in GOPATH")


def _registration(stage: "Stage") -> str:
    """What the kubelet's side sees of a plug-in that comes and is killed."""
    registry = stage.directory / "kubelet.sock"
    log = stage.directory / "seen"
    with open(log, "w") as out:
        subprocess.Popen([_of_kubernetes(), "kubelet", str(registry)], stdout=out)
    until(lambda: behind(registry), 10)
    first = stage.start()
    until(lambda: "devices" in log.read_text(), 10)
    first.process.kill()
    until(lambda: "gone" in log.read_text(), 10)
    return " · ".join(log.read_text().splitlines())


PROGRAMS = [
    Program("dockerd", of_debian("docker.io"), _dockerd, path="unix://{}",
            names=[("`-H unix://@NAME`", "unix://@{}")], seconds=30,
            others=[("dockerd: the sockets that it makes", _files_of_dockerd)]),
    Program("docker", of_debian("docker.io"),
            lambda at: ["/usr/bin/docker", "-H", at.address, "version"], path="",
            reaches=[("-H `unix://@NAME`", "unix://@{}")]),
    Program("containerd", of_debian("containerd"), _containerd, file="containerd.sock",
            names=[("`grpc.address = \"@NAME\"`", "@{}")], seconds=20),
    Program("containerd ttrpc", of_debian("containerd"), _containerd, file="containerd.sock.ttrpc",
            seconds=20),
    Program("containerd-shim-runc-v2 (ttrpc)", of_debian("containerd"), _shim,
            names=[("`-socket @NAME`", "@{}")],
            others=[("containerd-shim-runc-v2 start", _start_of_a_shim)]),
    Program("Kubernetes device plug-in (grpc-go)", _version_of_kubernetes, _device_plugin,
            others=[("Kubernetes: a device plug-in registers, and is killed", _registration)]),
    Program("podman system service", of_debian("podman"),
            command("podman", "system", "service", "--time", "0", "{}"), path="unix://{}",
            names=[("`unix:@NAME`", "unix:@{}")], seconds=20),
]
