// When a client learns that it is connected.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promises } from 'udsock';
import { GUARD, directory, program, script, using } from './support.mjs';

const at = directory();

test('at once, also in the turn in which another one was that had to wait', GUARD, async (t) => {
  // A process of its own, whose loop nothing else wakes.
  const code = `
    import { connect, promises } from 'udsock';
    const address = process.argv[1];
    const waiting = promises.connect(address, { retry: true });
    console.log('ready');
    await waiting;
    connect(address, () => process.exit());
  `;
  const client = await program(...script(code, [at('late')], { module: true }));
  // (Later something does: V8 collects garbage after eight seconds in which nothing was done.)
  const hangs = setTimeout(() => client.child.kill(), 5000);
  using(t, await promises.listen(at('late')));
  assert.deepEqual(await client.end(), { code: 0, signal: null, output: '' });
  clearTimeout(hangs);
});
