// What the parties in JavaScript have in common: a warm-up, and then what is measured. `run(rounds)`
// resolves when they have been made; `opened` is called as soon as the first of them may come.
'use strict';

async function measured(isServer, count, warmUp, run, opened = () => {}) {
  const first = run(Math.max(Math.floor(count / 5) + 1, warmUp));
  opened();
  await first;
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  await run(count);
  const elapsed = Number(process.hrtime.bigint() - wall);
  const { user, system } = process.cpuUsage(cpu);
  if (!isServer) console.log(`ns_per_operation ${(elapsed / count).toFixed(1)}`);
  console.log(`cpu_ns_per_operation ${((user + system) * 1000 / count).toFixed(1)}`);
  // (What was sent last has gone when it was written.)
  process.exit(0);
}

module.exports = { measured };
