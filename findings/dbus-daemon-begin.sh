#!/bin/sh
# dbus-daemon 1.14.10 (Debian), descriptors in what follows BEGIN: the byte after BEGIN's end of line
# is the first of the first message. A good guess: a client may send BEGIN, Hello and a call with
# descriptors by one sendmsg, as many send BEGIN and Hello by one write. Seen: what comes together
# with BEGIN is read as bytes, without descriptors. These are closed, and then the connection,
# since its message says that it has some. Who sends them after the answer to Hello is served.
. "$(dirname "$0")/common.sh"
need timeout
debian_packages dbus-daemon=1.14.10-1~deb12u1 libdbus-1-3=1.14.10-1~deb12u1
python_packages jeepney==0.9.0
cat >bus.conf <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=$folder/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
END
cat >client.py <<'END'
import array, os, socket, sys, time
from jeepney import DBusAddress, HeaderFields, MessageType, Parser, new_method_call
from jeepney.fds import FileDescriptor


def connected(path):
    for _ in range(100):
        try:
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            return client
        except OSError:
            time.sleep(0.1)
    sys.exit("the daemon does not come up")


def answer(path, name, is_together):
    client = connected(path)
    client.settimeout(10)
    client.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    assert client.recv(4096).startswith(b"OK ")
    client.sendall(b"NEGOTIATE_UNIX_FD\r\n")
    assert client.recv(4096) == b"AGREE_UNIX_FD\r\n"
    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    begin = b"BEGIN\r\n" + new_method_call(bus, "Hello").serialise(serial=1)
    if not is_together:
        client.sendall(begin)
        client.recv(4096)
        begin = b""
    own = new_method_call(bus, "RequestName", "su", (name, 0)).serialise(serial=2)
    ours = DBusAddress("/", name, "org.example.Finding")
    descriptors = array.array("i")
    with open(os.devnull) as file:
        call = new_method_call(ours, "Take", "h", (file,)).serialise(3, descriptors)
        socket.send_fds(client, [begin + own + call], list(descriptors))
    parser = Parser()
    while True:
        data, numbers, _, _ = socket.recv_fds(client, 65536, 8)
        if not data:
            return "closed"
        parser.add_data(data, [FileDescriptor(number) for number in numbers])
        while message := parser.get_next_message():
            if message.header.fields.get(HeaderFields.member) == "Take":
                return "the call came back with its descriptor"


print("after Hello's answer:", answer(sys.argv[1], "org.example.One", False))
print("together with BEGIN:", answer(sys.argv[1], "org.example.Other", True))
END
# A limit for all, so that no daemon stays.
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name libdbus-1.so.3)") timeout 60 \
    "$root/usr/bin/dbus-daemon" --config-file=bus.conf --nofork --nopidfile >daemon.log 2>&1 </dev/null &
daemon=$!
seen=$(timeout 50 "$python" client.py "$folder/bus" || cat daemon.log)
kill "$daemon" 2>/dev/null || :
verdict "$seen" "after Hello's answer: the call came back with its descriptor
together with BEGIN: closed"
