#!/bin/sh
# systemd-socket-proxyd of systemd 252 (Debian 12), between two Unix sockets. It is put before servers
# that know nothing of socket activation. A client that sends, shuts down its sending side and reads
# (`nc -N`, and whoever has no other mark for the end of a request) is answered by such a server. A good
# guess: it is answered through the proxy, too, which passes the end on. Seen: after the end of one
# direction the proxy closes the other one; what the server answers later is lost, without an error.
. "$(dirname "$0")/common.sh"
need python3 timeout
debian_packages systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2
cat >run.py <<'END'
import os, socket, subprocess, sys, threading, time


def serve():
    while True:
        client, _ = server.accept()
        with client:
            request = b""
            while part := client.recv(100):
                request += part
            time.sleep(0.2)
            try:
                client.sendall(b"answer to " + request)
            except OSError:
                pass


def ask(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(b"request")
        client.shutdown(socket.SHUT_WR)
        return client.recv(100).decode() or "closed without an answer"


server = socket.socket(socket.AF_UNIX)
server.bind("back")
server.listen()
threading.Thread(target=serve, daemon=True).start()
front = socket.socket(socket.AF_UNIX)
front.bind("front")
front.listen()
start = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$1" 3<&0', sys.argv[1], os.path.abspath("back")]
proxy = subprocess.Popen(start, stdin=front)
print("to the server:", ask("back"))
print("through the proxy:", ask("front"))
proxy.kill()
END
export LD_LIBRARY_PATH="$root/lib/systemd:$root/usr/lib/systemd:$root/usr/lib/x86_64-linux-gnu/systemd"
verdict "$(timeout 60 python3 run.py "$root/lib/systemd/systemd-socket-proxyd")" "to the server: answer to request
through the proxy: closed without an answer"
