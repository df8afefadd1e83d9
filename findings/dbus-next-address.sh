#!/bin/sh
# dbus-next 0.10.2 (npm), the address of a bus: D-Bus writes bytes of a path that are not plain as
# %XX ("optionally-escaped bytes" in its specification), and dbus-daemon prints its address so. A
# good guess: whoever takes an address from DBUS_SESSION_BUS_ADDRESS takes the escapes back. Seen: it
# connects to the path as it is written, with the "%20" in it, which is ENOENT. jeepney 0.9.0
# (PyPI) reaches the same bus by the same address.
. "$(dirname "$0")/common.sh"
need timeout node npm
debian_packages dbus-daemon=1.14.10-1~deb12u1 libdbus-1-3=1.14.10-1~deb12u1
python_packages jeepney==0.9.0
npm install --silent --no-audit --no-fund --ignore-scripts --omit=optional dbus-next@0.10.2
mkdir "a room"
cat >bus.conf <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=$folder/a%20room/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
END
# A limit for all, so that no daemon stays.
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name libdbus-1.so.3)") timeout 60 \
    "$root/usr/bin/dbus-daemon" --config-file=bus.conf --nofork --nopidfile --print-address \
    >address 2>daemon.log </dev/null &
daemon=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -S "a room/bus" ] && [ -s address ] && break
    sleep 1
done
DBUS_SESSION_BUS_ADDRESS=$(cat address)
export DBUS_SESSION_BUS_ADDRESS
cat >client.js <<'END'
const bus = require('dbus-next').sessionBus()
bus.on('connect', () => { console.log('dbus-next: connected'); process.exit() })
bus.on('error', (error) => { console.log(`dbus-next: ${error.code}`); process.exit() })
END
cat >client.py <<'END'
from jeepney.io.blocking import open_dbus_connection

print("jeepney:", open_dbus_connection("SESSION").unique_name.split(".")[0])
END
seen="escaped: $(grep -c '/a%20room/bus,' address)
$(timeout 20 "$python" client.py)
$(timeout 20 node client.js)"
kill "$daemon" 2>/dev/null || :
verdict "$seen" "escaped: 1
jeepney: :1
dbus-next: ENOENT"
