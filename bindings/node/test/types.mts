// Compiled only: what a program writes has the types that it expects.
import * as http from 'node:http';
import * as net from 'node:net';
import { Duplex } from 'node:stream';
import udsock, {
  Connection, Message, Poller, RemoteInfo, Server, Socket, SocketError, closeDescriptor, connect,
  createServer, createSocket, inspect, pair, promises,
} from 'udsock';
import udsockHttp, { Agent, get } from 'udsock/http';

const server: Server = createServer({ allow: { users: ['www-data'] } }, (socket) => {
  const one: Socket = socket;
  one.on('data', (data) => one.write(data.subarray(1)));
  one.sendDescriptors([0, { fd: 1 }], 'x', (error) => error?.message);
  one.write('x', { fds: [0], consume: true }, (error) => error?.message);
  const uid: number = one.peerCredentials().uid;
  const [fd]: number[] = one.takeFds(1);
  closeDescriptor(fd);
  const anywhere: net.Socket = one;
  void [uid, fd, anywhere];
});
server.listen({ path: '/run/app.sock', mode: 0o660, replace: true }, () => server.address());
server.on('error', (error) => (error as SocketError).code === 'EADDRINUSE');

const packets: Server<Connection> = createServer({ type: 'seqpacket' }, async (connection) => {
  for await (const message of connection) {
    const whole: Message = message;
    await connection.send(whole, { fds: whole.fds });
  }
});
packets.close((error) => error?.message);

const socket: Duplex = connect('/run/app.sock', () => {});
socket.end();
const connection: Connection = connect({ path: '@app', type: 'seqpacket' });
connection.on('message', (message) => message.credentials?.pid);

const datagrams = createSocket('dgram', (message: Buffer, rinfo: RemoteInfo) => {
  datagrams.send(message, rinfo.port, rinfo.address, (error, bytes) => [error, bytes.toFixed()]);
});
datagrams.bind('/run/log.sock');

const [left, right]: [Socket, Socket] = pair();
left.pipe(right);

async function main(): Promise<void> {
  await using client = await promises.connect('/run/app.sock', { signal: AbortSignal.timeout(1) });
  const listening: Server = await promises.listen('/run/other.sock', (peer) => peer.end());
  const { state } = await inspect('/run/app.sock');
  if (state === 'stale') listening.close();
  client.end();
}
void main;

const poller = new Poller({ capacity: 16 });
poller.start((batch) => {
  for (let i = 0; i < batch.length; i++) {
    if (batch.kind(i) === Poller.RECEIVED) poller.forward(batch, i);
  }
});
const member: number = poller.connect('/run/app.sock', { duplex: true });
poller.add(member, 0, { duplex: true, paused: true });
const taken: number = poller.sendNow(member, 'x', Poller.DONT_KEEP);
if (taken < 0) poller.shutdown(member, Poller.READ);

const api: http.Server = udsockHttp.createServer((request, response) => response.end(request.url));
api.listen('/run/http.sock');
get({ socketPath: '/run/http.sock', agent: new Agent({ keepAlive: true }) }, (r) => r.statusCode);
udsockHttp.globalAgent.destroy();
const everywhere: http.Agent = new Agent({ socketPath: '/run/http.sock', retry: true });
everywhere.destroy();
udsock.cleanupOnSignal('SIGTERM');

// @ts-expect-error: Unix sockets have no ports.
server.listen(8080);
// @ts-expect-error: no such kind.
createSocket('udp4');
