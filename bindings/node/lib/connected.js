'use strict';
// What connections have besides Node's own, of bytes and of messages: their addresses, and who is at
// the other end. How everything here is disposed of.

const handles = require('./handle.js');

/** The method that puts a question about its handle: `connection[ask]((handle) => ...)`. */
const ask = Symbol('ask');

/** Ends it by `end`, one of its methods, and waits for that. */
async function disposed(emitter, end) {
  const closed = new Promise((resolve) => emitter.once('close', resolve));
  end.call(emitter);
  await closed;
}

class Connected {
  address() {
    const address = this.localAddress;
    return address === undefined ? {} : { address, family: 'unix' };
  }

  peerCredentials() {
    return this[ask](handles.peerCredentials);
  }

  peerGroups() {
    return this[ask](handles.peerGroups);
  }

  peerLabel() {
    return this[ask](handles.peerLabel);
  }

  peerPidfd() {
    return this[ask](handles.peerPidfd);
  }

  async [Symbol.asyncDispose]() {
    if (!this.closed) await disposed(this, this.destroy);
  }
}

/** Gives these methods to a class. (In a class between it and Node's each object would pay.) */
function connected(Class) {
  const { constructor, ...methods } = Object.getOwnPropertyDescriptors(Connected.prototype);
  Object.defineProperties(Class.prototype, methods);
  return Class;
}

module.exports = { ask, connected, disposed };
