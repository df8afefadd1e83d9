'use strict';
// Errors as Node's own: code, errno, syscall, address; in the message what the library says.

const { calls } = require('./library.js');
const { MESSAGE_SIZE } = require('./constants.js');

const CODE = 4;
const MESSAGE = 8;

/** Room for a udsock_error. */
function newErrorBuffer() {
  const buffer = Buffer.alloc(MESSAGE + MESSAGE_SIZE);
  buffer.writeUInt32LE(buffer.length, 0);
  return buffer;
}

const shared = newErrorBuffer();

/** The same for all calls that are not in the pool: the failure is made before the next one. */
function errorBuffer() {
  shared.writeInt32LE(0, CODE);
  return shared;
}

function messageOf(buffer) {
  if (buffer === undefined || buffer.readInt32LE(CODE) === 0) return undefined;
  return buffer.toString('utf8', MESSAGE, buffer.indexOf(0, MESSAGE));
}

/** The error for a code below 0. `details`: the udsock_error that the call filled in. */
function failure(code, syscall, address, details) {
  const name = calls.error_name(code);
  const plain = address ? `${calls.error_text(code)} ${address}` : calls.error_text(code);
  const error = new Error(`${syscall} ${name}: ${messageOf(details) ?? plain}`);
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
  const got = value === null ? 'null' : typeof value;
  return coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" argument must be ${expected}. Received ${got}`,
  );
}

function checkAddress(address, name = 'path') {
  if (typeof address !== 'string') {
    throw invalidArgument(name, 'of type string (Unix sockets have no ports)', address);
  }
  return checkText(address, name, " (in an abstract name write them as '\\0')");
}

/** C would take what stands before a null byte. */
function checkText(text, name, advice = '') {
  if (!text.includes('\0')) return text;
  const message = `The argument '${name}' must be a string without null bytes${advice}`;
  throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', message);
}

function checkDescriptor(fd) {
  if (typeof fd !== 'number') throw invalidArgument('fd', 'of type number', fd);
  if (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31) return;
  const message = `The value of "fd" is out of range. Received ${fd}`;
  throw coded(RangeError, 'ERR_OUT_OF_RANGE', message);
}

/** Where there is neither a path nor a port: Node's error. */
function missingArguments() {
  const message = 'The "options" or "port" or "path" argument must be specified';
  return coded(TypeError, 'ERR_MISSING_ARGS', message);
}

function checkFunction(value, name) {
  if (typeof value !== 'function') throw invalidArgument(name, 'of type function', value);
}

function abortError(signal) {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

module.exports = {
  abortError,
  check,
  checkAddress,
  checkDescriptor,
  checkFunction,
  checkText,
  coded,
  errorBuffer,
  failure,
  invalidArgument,
  missingArguments,
  newErrorBuffer,
};
