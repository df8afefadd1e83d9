// Builds the library and the addon for this platform into npm/<platform>, whose package carries
// them. With a directory as argument it also makes there what is to be published: a tarball of that
// package and one of udsock, which names the packages of all platforms by their version.
//
// For another platform (scripts/npm.sh of the repository has all): UDSOCK_PLATFORM names it, CC is
// its compiler, and UDSOCK_LIBRARY the library that was built for it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import addon from './addon.cjs';

const binding = fileURLToPath(new URL('..', import.meta.url));
const root = path.join(binding, '../..');

function run(command, args, cwd) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio });
}

function buildLibrary() {
  if (process.env.UDSOCK_LIBRARY) return process.env.UDSOCK_LIBRARY;
  run('cargo', ['build', '--release', '--lib'], root);
  const metadata = run('cargo', ['metadata', '--no-deps', '--format-version', '1'], root);
  return path.join(JSON.parse(metadata).target_directory, 'release/libudsock.so');
}

/** A package with the platforms' packages by their version, not by where they are in a checkout. */
function publishable(into) {
  const copy = fs.mkdtempSync(path.join(into, 'udsock-'));
  const description = JSON.parse(fs.readFileSync(path.join(binding, 'package.json'), 'utf8'));
  for (const name of Object.keys(description.optionalDependencies)) {
    description.optionalDependencies[name] = description.version;
  }
  delete description.devDependencies;
  delete description.scripts;
  fs.writeFileSync(path.join(copy, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
  for (const part of description.files) {
    fs.cpSync(path.join(binding, part), path.join(copy, part), { recursive: true });
  }
  return copy;
}

fs.copyFileSync(buildLibrary(), path.join(addon.directory(), 'libudsock.so'));
addon.built();
const into = process.argv[2] && path.resolve(process.argv[2]);
if (into) {
  fs.mkdirSync(into, { recursive: true });
  const licences = ['LICENSE-MIT', 'LICENSE-APACHE'].map((name) => path.join(root, name));
  const licence = licences.map((file) => fs.readFileSync(file, 'utf8')).join('\n');
  const pack = (directory) => {
    fs.writeFileSync(path.join(directory, 'LICENSE'), licence);
    return run('npm', ['pack', '--silent', directory], into).trim();
  };
  const copy = publishable(into);
  console.log([pack(addon.directory()), pack(copy)].join('\n'));
  fs.rmSync(copy, { recursive: true });
}
