'use strict';
// Accepts a server's clients in Node's loop, through the library and its rules. When descriptors or
// memory run out, clients wait in the queue until there are some again.

const { errno } = require('node:os').constants;
const { calls } = require('./library.js');
const { READABLE, Watch } = require('./watch.js');

const SHORTAGES = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'ENOSPC'].map((name) => -errno[name]);
const PAUSE = 20;

class Acceptor {
  #server;
  #releases;
  #watch;
  #pause;
  #isRef = true;
  #onConnection;
  #onFailed;

  /**
   * `onConnection` gets each client's handle, or with `releases` its descriptor. `onFailed(code)`:
   * no more clients are accepted.
   */
  constructor(server, releases, onConnection, onFailed) {
    this.#server = server;
    this.#releases = releases;
    this.#onConnection = onConnection;
    this.#onFailed = onFailed;
    const onResult = (result) => this.#onResult(result);
    this.#watch = new Watch(calls.fd(server), onResult, server, releases).listen(READABLE);
  }

  #onResult(result) {
    if (result < 0) this.#onCode(result);
    else this.#onConnection(result);
  }

  #onCode(code) {
    if (!SHORTAGES.includes(code)) return this.#onFailed(code);
    this.#watch.listen(0);
    this.#pause = setTimeout(() => this.#watch.listen(READABLE), PAUSE);
    if (!this.#isRef) this.#pause.unref();
  }

  setRef(isRef) {
    this.#isRef = isRef;
    if (isRef) this.#watch.ref();
    else this.#watch.unref();
    if (isRef) this.#pause?.ref();
    else this.#pause?.unref();
  }

  /** Accepts the clients that wait in the queue now. What a listener throws ends nothing here. */
  acceptWaiting() {
    for (let client; (client = calls.accept(this.#server)) >= 0; ) {
      try {
        this.#onConnection(this.#releases ? calls.release(client) : client);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  /** To be called before the server's descriptor is closed. */
  stop() {
    clearTimeout(this.#pause);
    this.#watch.close();
  }
}

module.exports = { Acceptor };
