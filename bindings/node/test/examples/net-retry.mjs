import net from 'node:net';
const server = net.createServer();
server.on('error', (e) => {
  if (e.code === 'EADDRINUSE') {
    console.error('Address in use, retrying...');
    setTimeout(() => {
      server.close();
      server.listen('/tmp/echo.sock');
    }, 1000);
  }
});
server.on('listening', () => {
  console.log('listening');
});
server.listen('/tmp/echo.sock');
