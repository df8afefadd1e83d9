// Every function of the library with random arguments, in a program of its own: it must end by
// itself, and every result must be a code that the library can name.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { directory, repeat } from './support.mjs';

const COUNT = repeat('UDSOCK_GARBAGE_CALLS', 30_000);

test(`${COUNT} calls with random arguments`, { timeout: 3_600_000 }, async () => {
  const at = directory();
  const script = fileURLToPath(new URL('garbage.cjs', import.meta.url));
  const seed = Number(process.env.UDSOCK_GARBAGE_SEED ?? Date.now() % 1e6);
  const child = fork(script, [String(COUNT), String(seed), at('file')], { cwd: at('') });
  // (In Deno it may come after the exit.)
  const told = once(child, 'message');
  const [code, signal] = await once(child, 'exit');
  assert.deepEqual({ code, signal, seed }, { code: 0, signal: null, seed });
  const [{ calls, names, unknown }] = await told;
  assert.deepEqual(unknown, []);
  assert.equal(calls, COUNT);
  assert.ok(names >= 8, `${names} different results`);
});
