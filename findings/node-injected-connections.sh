#!/bin/sh
# Node.js 24.21.0 (npm's package node), an http.Server that gets its connections by
# emit('connection', socket), as its documentation offers, and does not listen itself. A good guess:
# headersTimeout and requestTimeout hold for these connections, too. Seen: whether time is up is
# looked at only from the server's own 'listening' event on, so a client that sends half a header is
# never told 408. Who emits 'listening' as well has what was set.
. "$(dirname "$0")/common.sh"
need npm
npm install --silent --no-audit --no-fund node@24.21.0
cat >header.js <<'END'
const http = require('node:http')
const net = require('node:net')

const times = { headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 100 }

function ask(what, prepare) {
  const server = http.createServer(times, (request, response) => response.end())
  const front = net.createServer((socket) => server.emit('connection', socket))
  front.listen(`${process.cwd()}/${what}`, () => {
    prepare(server)
    const client = net.connect(`${process.cwd()}/${what}`)
    client.write('GET / HTTP/1.1\r\nHost: x\r\n')
    let told = 'nothing'
    client.on('data', (data) => { told = String(data).split('\r\n')[0] })
    setTimeout(() => {
      console.log(`${what}: after 3 s the client was told ${told}`)
      client.destroy()
      server.close()
      front.close(next)
    }, 3000)
  })
}

const rest = [
  ['injected', () => {}],
  ['with listening', (server) => server.emit('listening')],
]
const next = () => rest.length > 0 ? ask(...rest.shift()) : process.exit()
next()
END
verdict "$(node_modules/.bin/node header.js)" "injected: after 3 s the client was told nothing
with listening: after 3 s the client was told HTTP/1.1 408 Request Timeout"
