import net from 'node:net';
const server = net.createServer();
server.on('close', () => {
  console.log('closed');
});
const controller = new AbortController();
server.listen({
  path: '/tmp/echo.sock',
  signal: controller.signal,
});
// Later, when you want to close the server.
controller.abort();
