'use strict';
// Connecting without waiting. Nothing tells when a server's queue has room again, or when a
// server appears: that is tried again, with pauses that grow.

const { calls } = require('./library.js');
const { absolute } = require('./address.js');
const { EACCES, EAGAIN, ECONNREFUSED, ENOENT, EPERM, KIND } = require('./constants.js');
const { errorBuffer, failure } = require('./errors.js');
const { soon } = require('./watch.js');
const handles = require('./handle.js');

const LONGEST_PAUSE = 20;

/** As UDSOCK_RETRY: so many milliseconds a server may take to open its file to others. */
const OPENING_TIME = 1000;

/** Whether an attempt with this result may succeed later: asked of each result in its turn. */
function patience(retry) {
  let refusedSince;
  return (result) => {
    if (result === EAGAIN) return true;
    if (result === ENOENT || result === ECONNREFUSED) {
      refusedSince = undefined;
      return retry;
    }
    if (!retry || (result !== EACCES && result !== EPERM)) return false;
    refusedSince ??= performance.now();
    return performance.now() - refusedSince < OPENING_TIME;
  };
}

/**
 * Tries until it is connected: then `done(error, handle)` is called, never in this turn: whoever
 * gets the socket from this call can listen to it first. What it returns stops it. `isRef` says
 * whether waiting keeps the process alive.
 */
function connectHandle({ type, path, localAddress, retry }, isRef, done) {
  let to = path;
  let pause = 0;
  const lasts = patience(Boolean(retry));
  let stop;
  let error = null;
  let handle;
  // Bound once, in this call.
  if (localAddress !== undefined) [error, handle] = bound(type, localAddress);
  const attempt = () => {
    const details = errorBuffer();
    let result;
    if (localAddress === undefined) {
      result = handle = handles.own(calls.open_client(KIND[type], to, details));
    } else {
      result = calls.connect(handle, to, details);
    }
    if (lasts(result)) return tryLater();
    if (result < 0) error = failure(result, 'connect', path, details);
    finish();
  };
  const finish = () => {
    stop = soon(() => {
      if (error && handle > 0) handles.close(handle);
      done(error, handle);
    });
  };
  const tryLater = () => {
    // From now on the working directory may be another.
    if (pause === 0) to = absolute(path);
    pause = Math.min(2 * pause + 1, LONGEST_PAUSE);
    const timer = setTimeout(attempt, pause);
    if (!isRef()) timer.unref();
    stop = () => clearTimeout(timer);
  };
  if (error) finish();
  else attempt();
  return () => {
    stop();
    if (handle > 0) handles.close(handle);
  };
}

/** What went wrong, and else the handle of a socket with this address. */
function bound(type, address) {
  const handle = handles.own(calls.create(KIND[type]));
  if (handle < 0) return [failure(handle, 'connect', address)];
  const details = errorBuffer();
  const result = handles.bind(handle, address, {}, details);
  if (result >= 0) return [null, handle];
  const error = failure(result, 'connect', address, details);
  handles.close(handle);
  return [error];
}

module.exports = { connectHandle };
