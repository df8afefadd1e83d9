'use strict';
// Errors as Node's own: code, errno, syscall, address, and how the message begins. Behind that
// stands what the library says besides.

const { getSystemErrorMap, inspect } = require('node:util');
const { calls } = require('./library.js');
const { MESSAGE_SIZE } = require('./constants.js');

const CODE = 4;
const MESSAGE = 8;
/** A message shows the two ends of an address that is longer. */
const LONGEST_SHOWN = 110;

/** Options by their names in C, which the library's messages use: abi/option_names.txt. */
const JAVASCRIPT_NAMES = {
  UDSOCK_REPLACE: 'replace: true',
  UDSOCK_NO_RECLAIM: 'reclaim: false',
  UDSOCK_MAKE_PARENTS: 'makeParents: true',
  UDSOCK_RESTORE_FILE: 'restoreFile: true',
  UDSOCK_RETRY: 'retry: true',
  UDSOCK_DONT_WAIT: 'timeout: 0',
  UDSOCK_STREAM: "'stream'",
  UDSOCK_DGRAM: "'dgram'",
  UDSOCK_SEQPACKET: "'seqpacket'",
  UDSOCK_FOREVER: 'Infinity',
};

/** Of these Node's messages have the code alone, without words for it. */
const TERSE = ['accept', 'bind', 'connect', 'read', 'recvmsg', 'send', 'shutdown', 'write'];

/** Room for a udsock_error. */
function newErrorBuffer() {
  const buffer = Buffer.alloc(MESSAGE + MESSAGE_SIZE);
  buffer.writeUInt32LE(buffer.length, 0);
  return buffer;
}

const shared = newErrorBuffer();

/** One for all calls but those in the pool: the error is made of it before the next call. */
function errorBuffer() {
  shared.writeInt32LE(0, CODE);
  return shared;
}

function messageOf(buffer) {
  if (buffer === undefined || buffer.readInt32LE(CODE) === 0) return undefined;
  return buffer.toString('utf8', MESSAGE, buffer.indexOf(0, MESSAGE));
}

/** What a message of the library's says behind the address, in the words of JavaScript. */
function reasonIn(message, address = '') {
  const shown = address.replace(/\p{Cc}/gu, (char) => {
    return `\\x${char.codePointAt(0).toString(16).padStart(2, '0')}`;
  });
  const end = Buffer.byteLength(address) > LONGEST_SHOWN ? shown.slice(-12) : shown;
  const at = message.indexOf(`${end}: `, message.indexOf(' '));
  const reason = at < 0 ? message : message.slice(at + end.length + 2);
  return reason.replace(/UDSOCK_[A-Z_]+/g, (name) => JAVASCRIPT_NAMES[name] ?? name);
}

/** The error for a code below 0. `details`: the udsock_error that the call filled in. */
function failure(code, syscall, address, details) {
  const name = calls.error_name(code);
  const words = calls.error_text(code);
  let text = `${syscall} ${name}`;
  if (!TERSE.includes(syscall)) text += `: ${getSystemErrorMap().get(code)?.[1] ?? words}`;
  if (address) text += ` ${address}`;
  const message = messageOf(details);
  const reason = message === undefined ? words : reasonIn(message, address);
  if (reason !== words) text += `: ${reason}`;
  const error = new Error(text);
  Error.captureStackTrace?.(error, failure);
  Object.assign(error, { errno: code, code: name, syscall });
  if (address) error.address = address;
  return error;
}

/** The result of a call, or its error thrown. */
function check(result, syscall, address, details) {
  if (result < 0) throw failure(result, syscall, address, details);
  return result;
}

function coded(Base, code, message) {
  const error = new Base(message);
  error.code = code;
  return error;
}

/** Node's error for an argument of the wrong type. */
function invalidArgument(name, expected, value) {
  return coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" argument must be ${expected}. Received ${described(value)}`,
  );
}

/** In Node's words. */
function described(value) {
  if (value == null) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const { name } = value.constructor ?? {};
    return name ? `an instance of ${name}` : inspect(value, { depth: -1 });
  }
  const shown = inspect(value, { colors: false });
  return `type ${typeof value} (${shown.length > 28 ? `${shown.slice(0, 25)}...` : shown})`;
}

/** Where there is neither a path nor a port: Node's error. */
function missingArguments() {
  const message = 'The "options" or "port" or "path" argument must be specified';
  return coded(TypeError, 'ERR_MISSING_ARGS', message);
}

function abortError(signal) {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

module.exports = {
  JAVASCRIPT_NAMES,
  abortError,
  check,
  coded,
  errorBuffer,
  failure,
  invalidArgument,
  missingArguments,
  newErrorBuffer,
};
