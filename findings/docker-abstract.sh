#!/bin/sh
# docker 7.2.0 (PyPI: Docker's SDK for Python), an address of the form unix://@NAME, as from DOCKER_HOST.
# Docker's own client takes it for an abstract name, since Go does. A good guess: so does the SDK, or it
# refuses it. Seen: the "@" is dropped, and NAME becomes a path from the root: /NAME, which is ENOENT. Nor
# does a relative path stay what it was: unix://run/d.sock is /run/d.sock.
. "$(dirname "$0")/common.sh"
python_packages docker==7.2.0
cat >run.py <<'END'
import socket, threading
import docker

server = socket.socket(socket.AF_UNIX)
server.bind("\0finding-of-docker")
server.listen()
for address in ("unix://@finding-of-docker", "unix://run/d.sock"):
    client = docker.DockerClient(base_url=address, version="1.41", timeout=5)
    adapter = client.api.get_adapter(client.api.base_url)
    try:
        client.ping()
        said = "reached"
    except Exception as error:
        said = "no such file" if "No such file" in str(error) else error
    print(f"{address}: {adapter.socket_path.replace('//', '/')}: {said}")
END
verdict "$("$python" run.py)" "unix://@finding-of-docker: /finding-of-docker: no such file
unix://run/d.sock: /run/d.sock: no such file"
