#!/bin/sh
# node-unix-socket 0.2.7 (npm), SeqpacketSocket: 'data' has a message, 'end' comes when the peer ends.
# A good guess: an empty message, which seqpacket sockets have, is a 'data' with an empty buffer.
# Seen: it is an 'end'. The peer is there, and what it sends after that never comes. Where an empty
# message is a sign of life, the first one makes the reader deaf.
. "$(dirname "$0")/common.sh"
need node npm timeout
npm install --silent --no-audit --no-fund --ignore-scripts node-unix-socket@0.2.7
cat >messages.js <<'END'
const { setTimeout: sleep } = require('node:timers/promises')
const { SeqpacketServer, SeqpacketSocket } = require('node-unix-socket')

const server = new SeqpacketServer()
server.on('connection', (socket) => {
  socket.on('data', (message) => console.log(`data: ${message}`))
  socket.on('end', () => console.log('end'))
})
server.listen(`${process.cwd()}/socket`)
const client = new SeqpacketSocket()
client.on('close', () => console.log('the peer has closed'))
client.connect(`${process.cwd()}/socket`, async () => {
  for (const message of ['one', '', 'two']) {
    await new Promise((resolve) => {
      client.write(Buffer.from(message), 0, message.length, resolve)
    })
    console.log(`sent: '${message}'`)
    await sleep(500)
  }
  process.exit()
})
END
verdict "$(timeout 60 node messages.js)" "sent: 'one'
data: one
sent: ''
end
sent: 'two'"
