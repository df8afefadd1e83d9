#!/bin/sh
# Deno 2.9.6 (npm's package deno), fetch over a Unix socket, which Deno.createHttpClient offers as a kind
# of proxy: {proxy: {transport: "unix", path}}. A good guess: the server gets the request that curl's
# --unix-socket, Bun's fetch and Node.js's socketPath send, `GET /path`. Seen: it gets what proxies get,
# `GET http://host/path`. A server is to take that, too (RFC 9112, 3.2.2); but the url of Node.js's
# http.Server and the path of Python's http.server are then the whole of it, and what is routed by
# them is not found.
. "$(dirname "$0")/common.sh"
need npm python3 timeout
npm install --silent --no-audit --no-fund deno@2.9.6
cat >server.py <<'END'
import http.server, socketserver


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/version" else 404)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


socketserver.UnixStreamServer("s", Handler).serve_forever()
END
cat >ask.mjs <<'END'
const path = Deno.args[0]
for (let tries = 0; ; tries++) {
  try { (await Deno.connect({ transport: 'unix', path })).close(); break } catch (error) {
    if (tries === 100) throw error
    await new Promise((done) => setTimeout(done, 100))
  }
}
const client = Deno.createHttpClient({ proxy: { transport: 'unix', path } })
const answer = await fetch('http://localhost/version', { client })
console.log(`${answer.status}: the server was asked for ${await answer.text()}`)
END
timeout 60 python3 server.py &
server=$!
seen=$(DENO_NO_UPDATE_CHECK=1 HOME=$folder timeout 50 node_modules/.bin/deno run -A ask.mjs "$folder/s")
kill "$server"
verdict "$seen" "404: the server was asked for http://localhost/version"
