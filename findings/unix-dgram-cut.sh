#!/bin/sh
# unix-dgram 2.0.7 (npm), a native addon, which is compiled when it is installed. Linux takes a
# datagram of up to SO_SNDBUF - 32 bytes (212,960 by default). A good guess: the receiver gets all
# of it, or an error. Seen: 'message' has the first 65,536 bytes, `rinfo.size` says 65536, the
# sender's callback has no error, and the rest is gone. Send this receiver no more than that.
. "$(dirname "$0")/common.sh"
need node npm make g++ python3
npm init -y >/dev/null
npm install --silent --no-audit --no-fund unix-dgram@2.0.7 >npm.log 2>&1 || { cat npm.log; exit 1; }
(cd node_modules/unix-dgram && [ -e build/Release/unix_dgram.node ] || npx --yes node-gyp rebuild >../gyp.log 2>&1) ||
    { echo "not tried: the addon can't be compiled here"; exit 77; }
cat >run.cjs <<'END'
const unix = require('unix-dgram');
const server = unix.createSocket('unix_dgram', (message, rinfo) => {
  console.log(`received: ${message.length}, rinfo.size: ${rinfo.size}`);
  server.close();
  client.close();
});
server.bind('s');
const client = unix.createSocket('unix_dgram');
client.send(Buffer.alloc(100_000, 1), 0, 100_000, 's', (error) => console.log('sent, error:', error));
END
verdict "$(node run.cjs)" "sent, error: undefined
received: 65536, rinfo.size: 65536"
