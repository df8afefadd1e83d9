// What the tests share.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import * as udsock from 'udsock';

/** Says that a test takes far too long, long before the runner would. */
export const GUARD = { timeout: 60_000 };

/** A directory of the test file's own, removed with everything in it. */
export function directory() {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'udsock-node-'));
  after(() => fs.rmSync(made, { recursive: true }));
  return (name) => path.join(made, name);
}

export function openDescriptors() {
  return fs.readdirSync('/proc/self/fd').length;
}

/** Everything that comes, as one text. */
export async function text(stream) {
  const chunks = [];
  // (A plain iteration would destroy the stream, which may still have something to say.)
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const closed = (emitter) => (emitter.closed ? undefined : once(emitter, 'close'));

/** A server that sends back what comes. */
export function echoServer(address, options = {}) {
  return udsock.promises.listen(address, { ...options, allowHalfOpen: true }, (socket) => {
    socket.pipe(socket);
    socket.on('error', () => socket.destroy());
  });
}

/** To be disposed of when the test has ended: what `await using` does in later versions. */
export function using(t, resource) {
  const connections = new Set();
  resource.on('connection', (connection) => connections.add(connection));
  t.after(() => {
    for (const connection of connections) connection.destroy();
    return resource[Symbol.asyncDispose]();
  });
  return resource;
}

/** A program that says "ready" in its first line; its output and its end. */
export async function program(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  const ended = once(child, 'close');
  child.stdout.setEncoding('utf8');
  let output = '';
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => {
      output += data;
      if (output.startsWith('ready\n')) resolve();
    });
    ended.then(([code]) => reject(new Error(`${command} ended with ${code}: ${output}`)));
  });
  return {
    child,
    /** Resolves once the output has this, which may be a regular expression. */
    says(expected) {
      return new Promise((resolve) => {
        const look = () => output.search(expected) >= 0 && resolve();
        child.stdout.on('data', look);
        look();
      });
    },
    async end() {
      const [code, signal] = await ended;
      return { code, signal, output: output.slice('ready\n'.length) };
    },
  };
}

/** 'node', 'bun' or 'deno'. */
export const RUNTIME = globalThis.Deno ? 'deno' : process.versions.bun ? 'bun' : 'node';

/** Of those that came from the library: Deno's fs refuses them. */
export const closeDescriptor = RUNTIME === 'deno' ? udsock.closeDescriptor : fs.closeSync;

/** The options of a test that these runtimes can't pass, by name, each with the reason. */
export function except(reasons) {
  const reason = reasons[RUNTIME];
  if (reason) console.log(`left out on ${RUNTIME}: ${reason}`);
  return { ...GUARD, skip: reason ?? false };
}

/** The command, and its arguments, that run this code: CommonJS, or with `module` a module. */
export function script(code, args = [], { module = false } = {}) {
  if (RUNTIME === 'deno') {
    // (In its first second Deno makes descriptors for signals, and panics if there are none left.)
    const first = "process.on('SIGWINCH', () => {}); process.argv.splice(1, 1);";
    return [process.execPath, ['eval', `--ext=${module ? 'mjs' : 'cjs'}`, first + code, ...args]];
  }
  return [process.execPath, [...(module ? ['--input-type=module'] : []), '-e', code, ...args]];
}

export function repeat(variable, usually) {
  return Number(process.env[variable] ?? usually);
}
