'use strict';
// What a stream has read ahead when its descriptor is given away: it is left for the socket that
// takes the descriptor.

const { calls } = require('./library.js');

/** `join` makes one Buffer of the chunks. */
function leaveAhead(stream, fd, join) {
  if (stream.readableLength === 0) return;
  // Reading these chunks would emit them.
  stream.removeAllListeners('data');
  const chunks = [];
  for (let chunk; (chunk = stream.read()) !== null; ) chunks.push(chunk);
  calls.leave_ahead(fd, join(chunks));
}

module.exports = { leaveAhead };
