'use strict';
// Node's own diagnostics channels of net, for what goes past the places in Node that publish it.

const { channel } = require('node:diagnostics_channel');

const clients = channel('net.client.socket');
const connections = channel('net.server.socket');
const failures = channel('tracing:net.server.listen:error');

/**
 * Lets a client connect, and publishes it. (Newer versions of Node publish it in connect() of
 * net.Socket, older ones in net.connect() only.)
 */
function publishClient(socket, connect) {
  if (!clients.hasSubscribers) return connect();
  let isPublished = false;
  const onPublished = (message) => (isPublished ||= message.socket === socket);
  clients.subscribe(onPublished);
  try {
    return connect();
  } finally {
    clients.unsubscribe(onPublished);
    if (!isPublished) clients.publish({ socket });
  }
}

function publishConnection(socket) {
  if (connections.hasSubscribers) connections.publish({ socket });
}

function publishFailure(server, error) {
  if (failures.hasSubscribers) failures.publish({ server, error });
}

module.exports = { publishClient, publishConnection, publishFailure };
