'use strict';
// udsock.h's numbers.

const { errno } = require('node:os').constants;

module.exports = {
  KIND: { stream: 1, dgram: 2, seqpacket: 5 },
  KIND_NAME: { 1: 'stream', 2: 'dgram', 5: 'seqpacket' },
  WRITE: 2,
  ADDRESS_SIZE: 4096,
  MAX_DESCRIPTORS: 253,
  MESSAGE_SIZE: 256,
  BIND: { REPLACE: 1, NO_RECLAIM: 2, KEEP_FILE: 4, MAKE_PARENTS: 8 },
  OPTION: {
    KIND: 1,
    SEND_BUFFER: 2,
    RECEIVE_BUFFER: 3,
    RECEIVE_FDS: 5,
    RECEIVE_CREDENTIALS: 6,
    REFUSED: 7,
    MAX_PER_UID: 8,
    OWNS_FILE: 11,
  },
  EVENT: { ACCEPTED: 1, RECEIVED: 2, DRAINED: 3, ENDED: 4, FAILED: 5, READY: 6 },
  READINESS: 1,
  TRUNCATED: 1,
  FDS_LOST: 2,
  UNKNOWN: 2 ** 32 - 1,
  EOF: -4097,
  EAGAIN: -errno.EAGAIN,
  EALREADY: -errno.EALREADY,
  ECANCELED: -errno.ECANCELED,
  ECONNREFUSED: -errno.ECONNREFUSED,
  ECONNRESET: -errno.ECONNRESET,
  EDESTADDRREQ: -errno.EDESTADDRREQ,
  EISCONN: -errno.EISCONN,
  ENOBUFS: -errno.ENOBUFS,
  ENOENT: -errno.ENOENT,
  ENOTCONN: -errno.ENOTCONN,
  EPIPE: -errno.EPIPE,
  ERANGE: -errno.ERANGE,
};
