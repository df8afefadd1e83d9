'use strict';
// Who may connect to a server: rules by number and by name.

const { calls, inPool } = require('./library.js');
const { check } = require('./errors.js');

function allowNumbers(handle, { uids = [], gids = [] }) {
  for (const uid of uids) check(calls.allow_uid(handle, uid), 'allow');
  for (const gid of gids) check(calls.allow_gid(handle, gid), 'allow');
}

/** Names are looked up in the pool: that may take its time. */
async function allowNames(handle, { users = [], groups = [] }) {
  const allow = async (call, name) => check(await inPool(call, handle, name), 'allow', name);
  for (const name of users) await allow(calls.allow_user, String(name));
  for (const name of groups) await allow(calls.allow_group, String(name));
}

function hasNames({ users = [], groups = [] }) {
  return users.length + groups.length > 0;
}

module.exports = { allowNames, allowNumbers, hasNames };
