// The package as npm installs it, without a checkout around it, and the README's program for Bun and
// Deno with the permissions that it names.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { GUARD, RUNTIME, directory, except } from './support.mjs';

const at = directory();
const home = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const addon = require('../scripts/addon.cjs');
const { findLibrary } = require('../lib/library.js');
const { files, type, exports } = JSON.parse(fs.readFileSync(`${home}/package.json`, 'utf8'));
const readme = fs.readFileSync(`${home}/README.md`, 'utf8');

/** Both packages, in node_modules. */
function install() {
  const ours = at('node_modules/udsock');
  const platform = at(`node_modules/@udsock/${addon.directory().split('/').at(-1)}`);
  for (const made of [ours, platform]) fs.mkdirSync(made, { recursive: true });
  for (const file of files) fs.cpSync(`${home}/${file}`, `${ours}/${file}`, { recursive: true });
  const described = JSON.stringify({ name: 'udsock', version: '0.2.0', type, exports });
  fs.writeFileSync(`${ours}/package.json`, described);
  fs.copyFileSync(`${addon.directory()}/package.json`, `${platform}/package.json`);
  fs.copyFileSync(addon.built(), `${platform}/udsock.node`);
  // (The system's, which has a name only, is found without.)
  const library = findLibrary();
  if (fs.existsSync(library)) fs.copyFileSync(library, `${platform}/libudsock.so`);
  fs.writeFileSync(at('package.json'), '{}');
}

/** In its directory, without the library of the tests. */
function run(args) {
  const { UDSOCK_LIBRARY, ...env } = process.env;
  return spawnSync(process.execPath, args, { cwd: at(''), encoding: 'utf8', env });
}

/** How the README says that it is started. */
function command() {
  if (RUNTIME === 'node') return [];
  const [, line] = readme.match(new RegExp(`&& ${RUNTIME} (.*)app\\.mjs$`, 'm'));
  return line.trim().split(' ').filter(Boolean);
}

const TYPES = except({ node: 'tsc looks at the types', bun: 'it has no compiler of types' });

test('installed: the types, by Deno\'s compiler', TYPES, () => {
  install();
  const check = (code) => {
    const imports = "import { pair } from 'udsock';\nimport http from 'udsock/http';\n";
    fs.writeFileSync(at('types.ts'), `${imports}http.createServer();\n${code}`);
    return run(['check', 'types.ts']);
  };
  const right = check('const fds: number[] = pair()[0].takeFds(1); console.log(fds);');
  assert.equal(right.status, 0, right.stderr);
  assert.match(check('const fds: string = pair()[0].takeFds(1);').stderr, /TS2322.*number\[\]/);
});

test('installed: the README\'s program for Bun and Deno', GUARD, () => {
  install();
  const [, code] = readme.match(/```js\n(\/\/ app\.mjs\n.*?)```/s);
  fs.writeFileSync(at('app.mjs'), code.replaceAll('/tmp/app.sock', at('app.sock')));
  const { stdout, status, stderr } = run([...command(), 'app.mjs']);
  assert.deepEqual([stdout, status], ['re: hello\n', 0], stderr);
  assert.equal(fs.existsSync(at('app.sock')), false);
});
