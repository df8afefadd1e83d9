'use strict';
// Connecting without waiting. Nothing tells when a server's queue has room again, or when a
// server appears: that is tried again, with pauses that grow.

const { calls } = require('./library.js');
const { absolute } = require('./address.js');
const { EAGAIN, ECONNREFUSED, ENOENT, KIND } = require('./constants.js');
const { errorBuffer, failure } = require('./errors.js');
const { soon } = require('./watch.js');
const handles = require('./handle.js');

const LONGEST_PAUSE = 20;

/**
 * Tries until it is connected: then `done(error, handle)` is called, never in this turn: whoever
 * gets the socket from this call can listen to it first. What it returns stops it. `isRef` says
 * whether waiting keeps the process alive.
 */
function connectHandle({ type, path, localAddress, retry }, isRef, done) {
  let [to, from] = [path, localAddress];
  let pause = 0;
  let stop;
  let handle;
  let error;
  const attempt = () => {
    const details = errorBuffer();
    handle = handles.own(calls.open_client(KIND[type], to, details, from));
    const isAbsent = handle === ENOENT || handle === ECONNREFUSED;
    if (handle === EAGAIN || (retry && isAbsent)) return tryLater();
    error = handle < 0 ? failure(handle, 'connect', path, details) : null;
    stop = soon(() => done(error, handle));
  };
  const tryLater = () => {
    if (pause === 0) {
      // From now on the working directory may be another.
      [to, from] = [absolute(path), localAddress && absolute(localAddress)];
    }
    pause = Math.min(2 * pause + 1, LONGEST_PAUSE);
    const timer = setTimeout(attempt, pause);
    if (!isRef()) timer.unref();
    stop = () => clearTimeout(timer);
  };
  attempt();
  return () => {
    stop();
    if (handle > 0) handles.close(handle);
  };
}

module.exports = { connectHandle };
