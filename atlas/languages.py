"""Rows for what programs are written in: the sockets of languages and their runtimes."""

import importlib.metadata
import os
import subprocess
from pathlib import Path
from typing import List

from program import AT_NAME, NUL_NAME, At, Program, Start, of_command, of_debian, of_pypi, tool


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


_DENO = {"DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}

PROGRAMS = [
    Program(".NET Socket", of_pypi("dotnetcore2", ".NET"), _dotnet("serve"), names=[NUL_NAME, AT_NAME]),
    Program(".NET Socket.Connect", of_pypi("dotnetcore2", ".NET"), _dotnet("connect"), path="",
            reaches=[NUL_NAME]),
    Program("Node.js net", of_command("node", "--version"), _node(_NODE_NET),
            names=[NUL_NAME, AT_NAME]),
    Program("Node.js http", of_command("node", "--version"), _node(_NODE_HTTP), http=True),
    Program("Bun.serve", of_command("bun", "--version"), _runtime(["bun"], _BUN_HTTP),
            names=[NUL_NAME], http=True),
    Program("Deno.serve", of_command("deno", "--version"), _runtime(["deno", "run", "-A"], _DENO_HTTP),
            names=[NUL_NAME], http=True, environment=_DENO),
    Program("Go net.Listen", of_command("go", "version"), _go, names=[AT_NAME, NUL_NAME]),
    Program("Java ServerSocketChannel", of_command("java", "--version"), _java,
            names=[NUL_NAME, AT_NAME], seconds=20),
    Program("Perl IO::Socket::UNIX", of_debian("perl"),
            lambda at: [tool("perl"), "-MIO::Socket::UNIX", at.file("program.pl",
                "my $it = IO::Socket::UNIX->new(Local => \"" + at.address.replace("\0", "\\0").replace("@", "\\@")
                + "\", Listen => 5) or die \"$!\"; sleep 99;\n")],
            names=[NUL_NAME]),
]
