'use strict';
// Who may connect to a server: rules by number and by name.

const { calls, inPool } = require('./library.js');
const { check, checkText } = require('./errors.js');

function allowNumbers(handle, { uids = [], gids = [] }) {
  for (const uid of uids) check(calls.allow_uid(handle, uid), 'allow');
  for (const gid of gids) check(calls.allow_gid(handle, gid), 'allow');
}

function named(name) {
  return checkText(String(name), 'name');
}

/** Sets the rules of a server that does not listen yet: all hold before anyone can connect. */
function allow(handle, rules) {
  allowNumbers(handle, rules);
  const { users = [], groups = [] } = rules;
  for (const name of users) check(calls.allow_user(handle, named(name)), 'allow', name);
  for (const name of groups) check(calls.allow_group(handle, named(name)), 'allow', name);
}

/** Adds rules to a server that listens: names are looked up in the pool. */
async function allowLater(handle, rules) {
  allowNumbers(handle, rules);
  const { users = [], groups = [] } = rules;
  const look = async (call, name) => check(await inPool(call, handle, named(name)), 'allow', name);
  for (const name of users) await look(calls.later_allow_user, name);
  for (const name of groups) await look(calls.later_allow_group, name);
}

module.exports = { allow, allowLater };
