#!/bin/sh
# Qt 6.8.2's QLocalServer and QLocalSocket (PyPI's PyQt6), a name without a slash, which is how a program
# finds its first instance. On Windows such a name is that of a pipe, and the same for all programs. A
# good guess: on Linux it is, too. Seen: it is a file in the folder for temporary files, which TMPDIR
# moves. A second instance with another TMPDIR (of a terminal, a unit, a PAM module) is told "Invalid
# name", takes itself for the first, and there are two.
. "$(dirname "$0")/common.sh"
python_packages PyQt6==6.8.1 PyQt6-Qt6==6.8.2
cat >instance.py <<'END'
import sys

from PyQt6.QtCore import QCoreApplication
from PyQt6.QtNetwork import QLocalServer, QLocalSocket

application = QCoreApplication([])
first = QLocalSocket()
first.connectToServer("the-application")
if first.waitForConnected(5000):
    print("there is one already")
else:
    server = QLocalServer()
    print("the first:", server.listen("the-application"), flush=True)
    sys.stdin.read()
END
cat >run.py <<'END'
import os, subprocess, sys


def start(folder):
    os.makedirs(folder, exist_ok=True)
    environment = {**os.environ, "TMPDIR": os.path.abspath(folder)}
    command = [sys.executable, "instance.py"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


running = []
for folder in ("one", "one", "another"):
    running.append(start(folder))
    print(f"TMPDIR={folder}: {running[-1].stdout.readline().strip()}")
for process in running:
    process.communicate()
END
verdict "$("$python" run.py)" "TMPDIR=one: the first: True
TMPDIR=one: there is one already
TMPDIR=another: the first: True"
