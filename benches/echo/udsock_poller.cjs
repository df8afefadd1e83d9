// An echo server over the binding's Poller, as its README shows it.
//
//     node udsock_poller.cjs LIBRARY ADDRESS
'use strict';

const [library, address] = process.argv.slice(2);
process.env.UDSOCK_LIBRARY = library;
const { Poller } = require('../../bindings/node');

async function main() {
  const poller = new Poller();
  const server = await poller.listen(address);
  poller.start((batch) => {
    for (let i = 0; i < batch.length; i++) {
      if (batch.kind(i) === Poller.RECEIVED) poller.forward(batch, i);
      else if (batch.kind(i) >= Poller.ENDED && batch.socket(i) !== server) {
        poller.closeSocket(batch.socket(i));
      }
    }
  });
}

main();
