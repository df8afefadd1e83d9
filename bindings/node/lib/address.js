'use strict';
// Addresses as programs pass them, and the argument lists that they stand in.

const { checkAddress, checkDescriptor } = require('./arguments.js');
const { missingArguments } = require('./errors.js');

/**
 * The address as an absolute path, for a later use, when the working directory may be another.
 * (Not by path.resolve: after a symbolic link ".." leads elsewhere.)
 */
function absolute(address) {
  if (address.startsWith('/') || address.startsWith('@')) return address;
  try {
    return `${process.cwd()}/${address}`;
  } catch {
    // The working directory has been removed: the path leads nowhere in any case.
    return address;
  }
}

function isPath(address) {
  return address !== undefined && !address.startsWith('@');
}

/** `(path[, listener])` or `(options[, listener])`. */
function connectArguments(args) {
  const [first] = args;
  const options = typeof first === 'object' && first !== null ? first : { path: first };
  const listener = args.findLast((argument) => typeof argument === 'function');
  if ((options.path ?? options.port) == null) throw missingArguments();
  checkAddress(options.path, 'options.path');
  if (options.localAddress !== undefined) {
    checkAddress(options.localAddress, 'options.localAddress');
  }
  return [options, listener];
}

/** `([path[, backlog]][, callback])` or `(options[, callback])`. */
function listenArguments(args) {
  const [first, second] = args;
  const callback = args.findLast((argument) => typeof argument === 'function');
  let options;
  if (typeof first === 'object' && first !== null) options = first;
  // Without an address the kernel picks a name.
  else if (first === undefined || first === callback) options = { path: '@' };
  else options = { path: first, backlog: typeof second === 'number' ? second : undefined };
  if (options.fd == null) checkAddress(options.path, 'options.path');
  else checkDescriptor(options.fd, 'options.fd');
  return [options, callback];
}

module.exports = { absolute, connectArguments, isPath, listenArguments };
