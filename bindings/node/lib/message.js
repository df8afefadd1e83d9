'use strict';
// Messages with what goes along: addresses, descriptors, credentials. C's udsock_message, by its
// offsets.

const fs = require('node:fs');
const koffi = require('koffi');
const { calls } = require('./library.js');
const { ADDRESS_SIZE, FDS_LOST, MAX_DESCRIPTORS, TRUNCATED, UNKNOWN } = require('./constants.js');
const { invalidArgument } = require('./errors.js');

const SIZE = 104;
const [FLAGS, DATA, DATA_CAPACITY, DATA_SIZE] = [4, 8, 16, 24];
const [DESCRIPTORS, DESCRIPTORS_CAPACITY, DESCRIPTORS_COUNT] = [32, 40, 48];
const [ADDRESS, ADDRESS_CAPACITY, ADDRESS_LENGTH] = [56, 64, 72];
const [PID, UID, GID, RESULT] = [80, 84, 88, 92];

// The largest message that the kernel takes.
const LARGEST = 4352 * 1024;

/** The descriptors of what the program gave: numbers, and objects that have an `fd`. */
function numbersOf(descriptors) {
  if (!Array.isArray(descriptors)) throw invalidArgument('fds', 'an Array', descriptors);
  return Int32Array.from(descriptors, (descriptor) => {
    const fd = typeof descriptor === 'object' ? descriptor?.fd : descriptor;
    if (!Number.isInteger(fd)) throw invalidArgument('fds', 'an Array of integers', fd);
    return fd;
  });
}

/** An address as C takes it; `undefined`: where the socket is connected to. */
function addressOf(text) {
  return text === '' ? undefined : Buffer.from(`${text}\0`);
}

/** What the messages point to must stay where it is, and alive, until they have been sent. */
function pack({ data, fds, address }, messages, at) {
  messages.writeUInt32LE(SIZE, at);
  if (data.length > 0) messages.writeBigUInt64LE(koffi.address(data), at + DATA);
  messages.writeBigUInt64LE(BigInt(data.length), at + DATA_SIZE);
  if (fds?.length > 0) {
    messages.writeBigUInt64LE(koffi.address(fds), at + DESCRIPTORS);
    messages.writeBigUInt64LE(BigInt(fds.length), at + DESCRIPTORS_COUNT);
  }
  if (address) messages.writeBigUInt64LE(koffi.address(address), at + ADDRESS);
}

/** Sends without waiting: how many bytes went, or an error code. */
function sendMessage(handle, part) {
  const message = Buffer.alloc(SIZE);
  pack(part, message, 0);
  return calls.send_message(handle, message, 0);
}

/**
 * Sends many without waiting, each with `data` and perhaps `fds` and `address`: the result of
 * each.
 */
function sendBatch(handle, parts) {
  const messages = Buffer.alloc(SIZE * parts.length);
  parts.forEach((part, index) => pack(part, messages, index * SIZE));
  const result = calls.send_batch(handle, messages, parts.length, 0);
  // Without memory, say, no message has a result of its own.
  const failed = Math.min(result, 0);
  return parts.map((_, index) => messages.readInt32LE(index * SIZE + RESULT) || failed);
}

let room;

/** One for all: what came is copied out before the next message. */
function receivingRoom() {
  if (room === undefined) {
    const data = Buffer.allocUnsafeSlow(LARGEST);
    const descriptors = new Int32Array(MAX_DESCRIPTORS);
    const address = Buffer.allocUnsafeSlow(ADDRESS_SIZE);
    const message = Buffer.alloc(SIZE);
    message.writeUInt32LE(SIZE, 0);
    message.writeBigUInt64LE(koffi.address(data), DATA);
    message.writeBigUInt64LE(koffi.address(descriptors), DESCRIPTORS);
    message.writeBigUInt64LE(BigInt(MAX_DESCRIPTORS), DESCRIPTORS_CAPACITY);
    message.writeBigUInt64LE(koffi.address(address), ADDRESS);
    message.writeBigUInt64LE(BigInt(ADDRESS_SIZE), ADDRESS_CAPACITY);
    room = { data, descriptors, address, message };
  }
  return room;
}

/**
 * Receives without waiting, `size` bytes at most: an error code, or the message with what came
 * along.
 */
function receiveMessage(handle, size = LARGEST) {
  const { data, descriptors, address, message } = receivingRoom();
  message.writeBigUInt64LE(BigInt(size), DATA_CAPACITY);
  const result = calls.recv_message(handle, message, 0);
  if (result < 0) return result;
  const flags = message.readUInt32LE(FLAGS);
  const count = Number(message.readBigUInt64LE(DESCRIPTORS_COUNT));
  const length = Number(message.readBigUInt64LE(ADDRESS_LENGTH));
  const info = { fds: Array.from(descriptors.subarray(0, count)) };
  const [pid, uid, gid] = [PID, UID, GID].map((place) => message.readUInt32LE(place));
  // Of a process of another PID namespace only the number is unknown.
  if (pid !== 0 || uid !== UNKNOWN || gid !== UNKNOWN) info.credentials = { pid, uid, gid };
  if (flags & FDS_LOST) info.fdsLost = true;
  if (flags & TRUNCATED) info.truncated = true;
  return {
    data: Buffer.from(data.subarray(0, result)),
    address: address.toString('utf8', 0, length),
    info,
  };
}

/** Descriptors that nobody took. */
function closeAll(fds) {
  for (const fd of fds) fs.closeSync(fd);
}

module.exports = { addressOf, closeAll, numbersOf, receiveMessage, sendBatch, sendMessage };
