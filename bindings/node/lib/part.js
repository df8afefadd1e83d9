'use strict';
// Messages of a seqpacket connection: on their way out, and read ahead.

const { isBytes } = require('./arguments.js');
const { invalidArgument } = require('./errors.js');
const { Passing, closeAll } = require('./message.js');

/** A message on its way out. */
class Part {
  data;
  /** The descriptors that go along. */
  passing;
  /** Why it could not be sent. */
  error;

  constructor(message, encoding) {
    this.data = bytesOf(message, encoding);
    if (this.data === undefined) {
      if (typeof message !== 'object' || message === null || !('data' in message)) {
        const expected = 'of type string or an instance of Uint8Array';
        throw invalidArgument('message', expected, message);
      }
      const { data, fds, consume } = message;
      this.data = new Part(data, encoding).data;
      if (fds?.length > 0) this.passing = new Passing(fds, consume);
    }
  }
}

/** Messages as one, each behind its size. */
function joined(messages) {
  const parts = messages.flatMap((message) => {
    closeAll(message.fds ?? []);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(message.length);
    return [size, message];
  });
  return Buffer.concat(parts);
}

function separated(data = Buffer.alloc(0)) {
  const messages = [];
  for (let at = 0; at < data.length; at += 4 + messages.at(-1).length) {
    const size = data.readUInt32LE(at);
    messages.push(data.subarray(at + 4, at + 4 + size));
  }
  return messages;
}

/** `undefined`: it is something else. */
function bytesOf(message, encoding) {
  if (typeof message === 'string') return Buffer.from(message, encoding);
  return isBytes(message) ? message : undefined;
}

module.exports = { Part, joined, separated };
