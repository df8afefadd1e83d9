'use strict';
// What the library does by itself: published to the diagnostics channel udsock:log.

const { channel } = require('node:diagnostics_channel');

const { calls } = require('./library.js');
const { EVENT_NAME, LEVEL_NAME, UNKNOWN } = require('./constants.js');

const log = channel('udsock:log');
const listener = calls.log_open(publish);

function publish() {
  const records = calls.log_take(listener) ?? [];
  if (!log.hasSubscribers) return;
  for (const { level, event, code, handle, pid, uid, path, text } of records) {
    log.publish({
      level: LEVEL_NAME[level],
      // A number: one of a later version's.
      event: EVENT_NAME[event] ?? event,
      code: code === 0 ? undefined : calls.error_name(code),
      handle: handle === 0 ? undefined : handle,
      pid: pid === 0 ? undefined : pid,
      uid: uid === UNKNOWN ? undefined : uid,
      path,
      text,
    });
  }
}

// The loop does not run any more, so nothing else publishes what happened last.
if (listener !== undefined) process.on('exit', publish);
