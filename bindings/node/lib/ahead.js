'use strict';
// What a stream has read ahead when its descriptor is given away: it is left for the socket that
// takes the descriptor.

const { EventEmitter } = require('node:events');
const { calls } = require('./library.js');

/** Takes out what a stream has read ahead, of which nobody is told: it emits no 'data'. */
function takenOut(stream) {
  const listeners = stream.rawListeners('data');
  stream.removeAllListeners('data');
  const chunks = [];
  for (let chunk; (chunk = stream.read()) !== null; ) chunks.push(chunk);
  // The program may connect the stream again. (A stream's own `on` would let it flow.)
  for (const listener of listeners) EventEmitter.prototype.on.call(stream, 'data', listener);
  return chunks;
}

/** `join` makes one Buffer of the chunks. */
function leaveAhead(stream, fd, join) {
  if (stream.readableLength > 0) calls.leave_ahead(fd, join(takenOut(stream)));
}

module.exports = { leaveAhead, takenOut };
