// The package's numbers are the library's: abi/layouts.txt of the checkout has them.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

// cargo's tests run a copy of the package, and say where the checkout is.
const { UDSOCK_CHECKOUT } = process.env;
const CHECKOUT = UDSOCK_CHECKOUT
  ? pathToFileURL(`${UDSOCK_CHECKOUT}/`)
  : new URL('../../../', import.meta.url);
const layouts = new URL('abi/layouts.txt', CHECKOUT);
const options = fs.existsSync(layouts) ? {} : { skip: 'not in a checkout, which alone has abi/' };
const text = options.skip ? '' : fs.readFileSync(layouts, 'utf8');

const numbers = new Map();
for (const [, name, value] of text.matchAll(/^UDSOCK_(\w+) = (-?\d+)$/gm)) {
  numbers.set(name, Number(value));
}
const offsets = new Map();
for (const [, name, offset] of text.matchAll(/^udsock_(\w+\.\w+) +(\d+) +\d+ /gm)) {
  offsets.set(name, Number(offset));
}
const sizes = new Map();
for (const [, name, size] of text.matchAll(/^udsock_(\w+) +(\d+) {2}struct/gm)) {
  sizes.set(name, Number(size));
}

function source(name) {
  return fs.readFileSync(new URL(`bindings/node/lib/${name}`, CHECKOUT), 'utf8');
}

test('every constant has the value of the library', options, () => {
  const constants = createRequire(import.meta.url)('../lib/constants.js');
  const named = {
    KIND: '', BIND: '', OPTION: 'OPTION_', EVENT: 'EVENT_', MEMBER: 'POLLER_', THEN: '',
  };
  let compared = 0;
  const compare = (name, value) => {
    assert.equal(value, numbers.get(name), name);
    compared += 1;
  };
  for (const [name, value] of Object.entries(constants)) {
    if (name in named) {
      for (const [key, number] of Object.entries(value)) {
        compare(named[name] + key.toUpperCase(), number);
      }
    } else if (name === 'KIND_NAME') {
      for (const [number, kind] of Object.entries(value)) compare(kind.toUpperCase(), +number);
    } else if (name === 'LEVEL_NAME' || name === 'EVENT_NAME') {
      const before = name === 'LEVEL_NAME' ? 'LOG_' : 'LOGGED_';
      for (const [number, what] of Object.entries(value)) {
        compare(before + what.toUpperCase().replaceAll('-', '_'), +number);
      }
    } else if (name === 'EOF' || !(/^E[A-Z]+$/.test(name) || name === 'UNKNOWN')) {
      // (The others are the errnos of the system, and its number for nobody.)
      compare(name, value);
    }
  }
  assert.ok(compared > 25);
});

test('messages name options as JavaScript does', options, () => {
  const { JAVASCRIPT_NAMES } = createRequire(import.meta.url)('../lib/errors.js');
  const table = fs.readFileSync(new URL('abi/option_names.txt', CHECKOUT), 'utf8');
  const rows = table.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const names = rows.map((row) => row.split(/ {2,}/)).map(([c, , javascript]) => [c, javascript]);
  assert.deepEqual(JAVASCRIPT_NAMES, Object.fromEntries(names));
});

test('the structs have the sizes that are used', options, () => {
  const used = [
    ['poller.js', 'EVENT_WORDS', 4, 'event'],
    ['outgoing.js', 'WORDS', 4, 'outgoing'],
    ['loop.js', 'EVENT_SIZE', 1, 'event'],
    ['inspect.js', 'SIZE', 1, 'inspection'],
    ['counters.js', 'SIZE', 1, 'counters'],
  ];
  for (const [file, name, unit, struct] of used) {
    const [, size] = source(file).match(new RegExp(`^const ${name} = (\\d+);`, 'm'));
    assert.equal(size * unit, sizes.get(struct), `${file}: ${name}`);
  }
});

test('their fields are where they are read', options, () => {
  const inspected = [...source('inspect.js').matchAll(/^ +(\w+): .*out\.read\w+\((\d+)\)/gm)];
  assert.ok(inspected.length > 8);
  for (const [, name, offset] of inspected) {
    const others = { type: 'kind', processUid: 'process_uid', queueLimit: 'queue_limit' };
    const field = others[name] ?? name;
    assert.equal(Number(offset), offsets.get(`inspection.${field}`), name);
  }
  const counted = [...source('counters.js').matchAll(/^ +(\w+): count\((\d+)\)/gm)];
  assert.equal(counted.length, 12);
  for (const [, name, offset] of counted) {
    const field = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    assert.equal(Number(offset), offsets.get(`counters.${field}`), name);
  }
  const event = /^ {2}(kind|code|offset|size)\(i\) {\n +return this\.#words\[.* \+ (\d+)\]/gm;
  const read = [...source('poller.js').matchAll(event)];
  assert.equal(read.length, 4);
  for (const [, name, word] of read) {
    const field = { size: 'length' }[name] ?? name;
    assert.equal(word * 4, offsets.get(`event.${field}`), name);
  }
});
