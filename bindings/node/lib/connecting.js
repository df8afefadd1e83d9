'use strict';
// Connecting without waiting. Nothing tells when a server's queue has room again, or when a
// server appears: that is tried again, with pauses that grow.

const { calls } = require('./library.js');
const { CONNECT, EAGAIN, ECONNREFUSED, ENOENT, KIND } = require('./constants.js');
const { errorBuffer, failure } = require('./errors.js');
const handles = require('./handle.js');

const LONGEST_PAUSE = 20;

/**
 * Tries until it is connected: then `done(error, handle)` is called, never before this returns.
 * What it returns stops it.
 */
function connectHandle({ type, path, localAddress, retry }, done) {
  const details = errorBuffer();
  const options = {
    size: 24,
    flags: CONNECT.DONT_WAIT,
    local_address: localAddress ?? null,
  };
  let pause = 1;
  let timer;
  let handle;
  let isStopped = false;
  const attempt = () => {
    handle = handles.own(calls.open_client(KIND[type], path, options, details));
    const isAbsent = handle === ENOENT || handle === ECONNREFUSED;
    if (handle === EAGAIN || (retry && isAbsent)) {
      timer = setTimeout(attempt, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
      return;
    }
    process.nextTick(finish);
  };
  const finish = () => {
    if (isStopped) {
      if (handle > 0) handles.close(handle);
    } else if (handle < 0) {
      done(failure(handle, 'connect', path, details));
    } else {
      done(null, handle);
    }
  };
  attempt();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

module.exports = { connectHandle };
