#!/bin/sh
# sdnotify 0.3.2 (PyPI) tells a service manager "READY=1", "WATCHDOG=1" and the like, by a datagram.
# Its `debug=False` promises that a service never fails because of it, and a good guess is that it
# never waits either. Seen: its socket blocks. When the manager does not read for a while (it is
# stopped, or it is a supervisor that is busy), the queue is full after net.unix.max_dgram_qlen + 1
# messages, and the next notify() waits for ever, in the middle of the service's own loop.
. "$(dirname "$0")/common.sh"
python_packages sdnotify==0.3.2
cat >run.py <<'END'
import os, socket, threading, sdnotify

manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("s")
os.environ["NOTIFY_SOCKET"] = os.path.abspath("s")
notifier = sdnotify.SystemdNotifier()
told = []

def tell():
    for number in range(1000):
        notifier.notify(f"STATUS={number}")
        told.append(number)

thread = threading.Thread(target=tell, daemon=True)
thread.start()
thread.join(5)
queue = int(open("/proc/sys/net/unix/max_dgram_qlen").read()) + 1
print("told as many as the queue holds:", len(told) == queue)
print("the next one waits:", thread.is_alive())
END
verdict "$("$python" run.py)" "told as many as the queue holds: True
the next one waits: True"
