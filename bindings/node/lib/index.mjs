import udsock from './index.js';

export default udsock;
export const {
  Connection,
  DatagramSocket,
  Poller,
  Server,
  Socket,
  cleanup,
  cleanupOnSignal,
  closeDescriptor,
  connect,
  counters,
  createConnection,
  createServer,
  createSocket,
  inspect,
  pair,
  promises,
  version,
} = udsock;
