'use strict';
// What connections of bytes and of messages have besides what Node's have: their addresses, and who
// is at the other end. And how sockets and servers are disposed of.

const handles = require('./handle.js');

/** The method that calls a function with the handle: `connection[ask]((handle) => ...)`. */
const ask = Symbol('ask');

/** Ends an emitter by `end`, one of its methods, and waits until it is closed. */
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

/** Gives these methods to a class. (A class between it and Node's would cost each object time.) */
function connected(Class) {
  const { constructor, ...methods } = Object.getOwnPropertyDescriptors(Connected.prototype);
  Object.defineProperties(Class.prototype, methods);
  return Class;
}

module.exports = { ask, connected, disposed };
