// Clients without manners.
import { connect } from 'udsock';
import { pause } from './support.mjs';

/** More than a server with `ulimit -n 60` has descriptors for. */
const MANY = 90;

/**
 * Clients that hang up in the midst of it; one that sends much and reads nothing; more than there
 * are descriptors for. `says`: what each says first, then again and again who floods. Returns what
 * ends the one that stays, which does not read.
 */
export async function comeAndGo(path, { type = 'stream', says = ['hello'] } = {}) {
  const open = () => connect({ path, type }).on('error', () => {});
  const [first, ...then] = says.map((words) => Buffer.from(words));
  for (let i = 0; i < 20; i++) {
    const client = open();
    const part = first.subarray(0, 1 + (i * first.length) / 20);
    client.on('connect', () => client.write(part, () => client.destroy()));
  }
  const deaf = open().pause();
  deaf.write(first);
  const flood = Buffer.alloc(8 * 1024, then[0] ?? first);
  for (let i = 0; i < 400; i++) deaf.write(flood);
  const many = Array.from({ length: MANY }, open);
  await pause(700);
  for (const client of many) client.destroy();
  await pause(100);
  return () => deaf.destroy();
}
