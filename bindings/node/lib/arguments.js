'use strict';
// What programs pass is checked before it goes to C, which would take a value of another type for
// 0. For a mode, or for a user who may connect, that would be another rule than the one meant.

const { types } = require('node:util');
const { coded, invalidArgument } = require('./errors.js');

/** Node's own: what setTimeout takes. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** Options that may be left out. (Node takes null for that, too.) */
function checkOptions(options, name = 'options') {
  if (options === undefined || options === null) return {};
  if (typeof options !== 'object') throw invalidArgument(name, 'of type object', options);
  return options;
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

/** The name of a user or a group, or its number, as text. */
function checkName(value, name) {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') throw invalidArgument(name, 'of type string or number', value);
  return checkText(value, name);
}

function outOfRange(name, range, value) {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${value}`;
  return coded(RangeError, 'ERR_OUT_OF_RANGE', message);
}

function checkInteger(value, name, least, most) {
  if (typeof value !== 'number') throw invalidArgument(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < least || value > most) throw outOfRange(name, `>= ${least} and <= ${most}`, value);
  return value;
}

function checkDescriptor(fd, name = 'fd') {
  return checkInteger(fd, name, 0, 2 ** 31 - 1);
}

/** A time in milliseconds. One that is too long for setTimeout is shortened, as Node does. */
function checkTimeout(msecs, name = 'msecs') {
  if (typeof msecs !== 'number') throw invalidArgument(name, 'of type number', msecs);
  if (msecs >= 0 && Number.isFinite(msecs)) return Math.min(msecs, LONGEST_TIMEOUT);
  throw outOfRange(name, 'a non-negative finite number', msecs);
}

function checkArray(value, name) {
  if (!Array.isArray(value)) throw invalidArgument(name, 'an Array', value);
  return value;
}

/** (Bytes of another realm, that of a vm context say, are bytes as well.) */
function isBytes(value) {
  return types.isUint8Array(value);
}

function checkFunction(value, name) {
  if (typeof value !== 'function') throw invalidArgument(name, 'of type function', value);
}

function checkSignal(signal, name = 'options.signal') {
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal) return signal;
  throw invalidArgument(name, 'an instance of AbortSignal', signal);
}

module.exports = {
  checkAddress,
  checkArray,
  checkDescriptor,
  checkFunction,
  checkInteger,
  checkName,
  checkOptions,
  checkSignal,
  checkText,
  checkTimeout,
  isBytes,
};
