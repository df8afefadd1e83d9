'use strict';
// Connecting without waiting. Nothing tells when a server's queue has room again, or when a
// server appears: that is tried again, with pauses that grow.

const { calls } = require('./library.js');
const { absolute } = require('./address.js');
const { EAGAIN, KIND } = require('./constants.js');
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
  let to = path;
  let pause = 0;
  let stop;
  let [error, handle] = opened(type, path, localAddress);
  const attempt = () => {
    const details = errorBuffer();
    const result = calls.connect(handle, to, details, retry ? 1 : 0);
    // What may pass: the library knows, as of UDSOCK_RETRY.
    if (result === EAGAIN) return tryLater();
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

/** What went wrong, and else the handle of a socket; bound in this call, if it has an address. */
function opened(type, path, localAddress) {
  const handle = handles.own(calls.create(KIND[type]));
  if (handle < 0) return [failure(handle, 'connect', path)];
  if (localAddress === undefined) return [null, handle];
  const details = errorBuffer();
  const result = handles.bind(handle, localAddress, {}, details);
  if (result >= 0) return [null, handle];
  handles.close(handle);
  return [failure(result, 'connect', localAddress, details)];
}

module.exports = { connectHandle };
