'use strict';
// Connecting without waiting. Nothing reports when a server's queue has room again, or when a
// server appears: so attempts are made, with pauses that grow.

const { calls } = require('./library.js');
const { absolute } = require('./address.js');
const { EAGAIN, KIND } = require('./constants.js');
const { errorBuffer, failure } = require('./errors.js');
const { soon } = require('./watch.js');
const handles = require('./handle.js');

const LONGEST_PAUSE = 20;

/**
 * Tries to connect, and calls `done(error, handle)`; never in this turn, so that the program can
 * listen to the socket first. Returns a function that stops it. `isRef` says whether waiting keeps
 * the process alive.
 */
function connectHandle({ type, path, localAddress, retry }, isRef, done) {
  let to = path;
  let pause = 0;
  let stop;
  let [error, handle] = opened(type, path, localAddress);
  const attempt = () => {
    const details = errorBuffer();
    const result = calls.connect(handle, to, details, retry ? 1 : 0);
    // The library knows which failures may pass, as with UDSOCK_RETRY.
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
    // At the next attempt the working directory may be another.
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

/**
 * An error, or null and the handle of a socket, which this call binds if there is a local address.
 */
function opened(type, path, localAddress) {
  const handle = handles.own(calls.create(KIND[type]));
  if (handle < 0) return [failure(handle, 'connect', path)];
  if (localAddress === undefined) return [null, handle];
  const details = errorBuffer();
  const result = handles.bind(handle, localAddress, handles.bindArguments({}), details);
  if (result >= 0) return [null, handle];
  handles.close(handle);
  return [failure(result, 'connect', localAddress, details)];
}

module.exports = { connectHandle };
