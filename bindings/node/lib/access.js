'use strict';
// Who may connect to a server: rules by number and by name.

const { calls, inPool } = require('./library.js');
const { checkArray, checkInteger, checkName, checkOptions } = require('./arguments.js');
const { check } = require('./errors.js');

/** The last number stands for nobody. */
const HIGHEST = 2 ** 32 - 2;

/** The rules that a program gives, checked: a wrong one must not stand for another. */
function checkRules(rules) {
  const { uids, gids, users, groups } = checkOptions(rules, 'rules');
  const list = (values, name, check) => {
    if (values == null) return [];
    return checkArray(values, name).map((value) => check(value, name));
  };
  const checkNumber = (value, name) => checkInteger(value, name, 0, HIGHEST);
  return {
    uids: list(uids, 'uids', checkNumber),
    gids: list(gids, 'gids', checkNumber),
    users: list(users, 'users', checkName),
    groups: list(groups, 'groups', checkName),
  };
}

function allowNumbers(handle, { uids, gids }) {
  for (const uid of uids) check(calls.allow_uid(handle, uid), 'allow');
  for (const gid of gids) check(calls.allow_gid(handle, gid), 'allow');
}

/** Sets the rules of a server that does not listen yet: all hold before anyone can connect. */
function allow(handle, rules) {
  allowNumbers(handle, rules);
  const { users, groups } = rules;
  for (const name of users) check(calls.allow_user(handle, name), 'allow', name);
  for (const name of groups) check(calls.allow_group(handle, name), 'allow', name);
}

/** Adds rules to a server that listens: names are looked up in the pool. */
async function allowLater(handle, rules) {
  allowNumbers(handle, rules);
  const { users, groups } = rules;
  const look = async (call, name) => check(await inPool(call, handle, name), 'allow', name);
  for (const name of users) await look(calls.later_allow_user, name);
  for (const name of groups) await look(calls.later_allow_group, name);
}

module.exports = { allow, allowLater, checkRules };
