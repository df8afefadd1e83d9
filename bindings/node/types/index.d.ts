/// <reference types="node" />

import { EventEmitter } from 'node:events';
import * as net from 'node:net';
import { Duplex, DuplexOptions } from 'node:stream';

/**
 * A path, or an abstract name: "@name". In a name \0, \\ and \xNN stand for any byte, and \z at the
 * end stands for NULs to the end of sun_path, as HAProxy's `abns@` and Node.js 20 bind them.
 */
export type Address = string;

/** An open descriptor, or an object that has one: a number, a FileHandle. */
export type Descriptor = number | { readonly fd: number };

/** A process, and the user and group that it acts for, as the kernel vouches for them. */
export interface Credentials {
  /** 0: unknown, for example of a process in a PID namespace that this process can't see. */
  pid: number;
  /** 4294967295: unknown, for example of a user who has no number in this user namespace. */
  uid: number;
  /** 4294967295: unknown. */
  gid: number;
}

/** The error of a failed call of the library; `message` says what stood in the way. */
export interface SocketError extends Error {
  /** "EADDRINUSE" */
  code: string;
  /** Below 0, as in all of Node. */
  errno: number;
  syscall: string;
  address?: Address;
}

/** Who may connect. After the first rule nobody else may. */
export interface Rules {
  uids?: readonly number[];
  gids?: readonly number[];
  users?: readonly string[];
  groups?: readonly string[];
}

export interface BindOptions {
  /**
   * The file's permission bits, whatever the umask is. Without a mode, and with 0, they are 0777
   * less the umask.
   */
  mode?: number;
  /** The file's owner: a name or a number. */
  user?: string | number;
  group?: string | number;
  /** Take the path over, even from a live server. */
  replace?: boolean;
  /** `false`: leave a dead server's file where it is; then the call is EADDRINUSE. */
  reclaim?: boolean;
  /** The file stays when the socket is closed. */
  keepFile?: boolean;
  /** Make missing directories. */
  makeParents?: boolean;
  /**
   * Get the path back within 200 ms, with the clients that wait, if the file was removed or another
   * program took the path. It is not taken back from a server that took it with `replace`.
   */
  restoreFile?: boolean;
}

interface ReceiveOptions {
  /** Receive descriptors that come with messages. */
  receiveDescriptors?: boolean;
  /** Say who sent each message. */
  receiveCredentials?: boolean;
}

interface ConnectedOptions extends ReceiveOptions {
  /** An open socket's descriptor, which belongs to this socket from now on. */
  fd?: number;
  allowHalfOpen?: boolean;
  signal?: AbortSignal;
  highWaterMark?: number;
  readableHighWaterMark?: number;
  writableHighWaterMark?: number;
}

export interface SocketOptions extends ConnectedOptions {
  /** Where to put received data, instead of 'data' events; a callback's `false` pauses. */
  onread?: {
    buffer: Uint8Array | (() => Uint8Array);
    callback(size: number, buffer: Uint8Array): boolean | void;
  };
}

export interface ConnectOptions extends SocketOptions {
  path: Address;
  type?: 'stream';
  /** An address to bind to first, so that the server sees who connects. */
  localAddress?: Address;
  /**
   * Try again while there is no server; `signal` ends that. If the file does not let this client
   * in, the server may not have opened it to others yet: then it tries again for a second.
   */
  retry?: boolean;
  /** As of setTimeout. */
  timeout?: number;
}

export interface SeqpacketConnectOptions extends Omit<ConnectOptions, 'type'> {
  type: 'seqpacket';
}

/** What stream and seqpacket connections have in common, such as who is at the other end. */
interface Connected {
  readonly remoteFamily: 'unix' | undefined;
  /** The server that accepted it. */
  readonly server?: Server<any> | null;
  address(): { address: Address; family: 'unix' } | {};
  /** Gives the descriptor away: the caller has to close it. This socket is destroyed. */
  release(): number;
  peerCredentials(): Credentials;
  peerGroups(): number[];
  peerLabel(): string;
  /** A descriptor for the peer's process. The caller has to close it. */
  peerPidfd(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Descriptors that are passed along with data. */
export interface Passed {
  fds: readonly Descriptor[];
  /** Close them here after they were sent. */
  consume?: boolean;
}

export interface Socket extends Connected {}

/** A stream connection: a net.Socket. */
export class Socket extends net.Socket {
  constructor(options?: SocketOptions);
  connect(options: ConnectOptions, listener?: () => void): this;
  connect(path: Address, listener?: () => void): this;
  /** Other arguments of net.Socket (ports) are an error here. */
  connect(...args: any[]): this;
  readonly server?: Server<any> | null;
  readonly remoteFamily: 'unix' | undefined;
  address(): { address: Address; family: 'unix' } | {};
  write(data: string | Uint8Array, callback?: (error?: Error | null) => void): boolean;
  write(
    data: string | Uint8Array,
    encoding?: BufferEncoding,
    callback?: (error?: Error | null) => void,
  ): boolean;
  /** As sendDescriptors. */
  write(
    data: string | Uint8Array,
    passed: Passed,
    callback?: (error?: Error | null) => void,
  ): boolean;
  /**
   * Passes descriptors along with `data`, which must not be empty. The descriptors stay open here;
   * the caller may close them when this returns.
   */
  sendDescriptors(
    fds: readonly Descriptor[],
    data: string | Uint8Array,
    callback?: (error?: Error | null) => void,
  ): boolean;
  sendDescriptors(
    fds: readonly Descriptor[],
    data: string | Uint8Array,
    options: { consume?: boolean },
    callback?: (error?: Error | null) => void,
  ): boolean;
  /**
   * Takes the first `count` of the descriptors that came with the data read so far. The caller has
   * to close them. (If there is a listener for 'descriptors', that event has them instead.)
   */
  takeFds(count?: number): number[];

  on(event: 'descriptors', listener: (fds: number[], info: MessageInfo) => void): this;
  on(event: 'close', listener: (hadError: boolean) => void): this;
  on(event: 'data', listener: (data: Buffer) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

export interface MessageInfo {
  fds: number[];
  credentials?: Credentials;
  /** Descriptors came that could not be taken, and were closed. */
  fdsLost?: boolean;
}

/** A message, and what came with it. */
export type Message = Buffer & Partial<MessageInfo>;

export interface Connection extends Connected {}

/** A seqpacket connection: a stream of messages, with net.Socket's methods. */
export class Connection extends Duplex {
  constructor(options?: ConnectedOptions);
  /**
   * After its 'close' a connection can connect again. If it is connected, or is about to be, this
   * throws EISCONN.
   */
  connect(options: SeqpacketConnectOptions, listener?: () => void): this;
  connect(path: Address, listener?: () => void): this;
  readonly connecting: boolean;
  readonly pending: boolean;
  readonly readyState: 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed';
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly timeout: number | undefined;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  /** Its handle in the C library. */
  readonly handle: number | undefined;
  setTimeout(msecs: number, callback?: () => void): this;
  destroySoon(): void;
  ref(): this;
  unref(): this;
  [Symbol.asyncDispose](): Promise<void>;
  /** The promise settles when the message was sent. A message may be empty. */
  send(message: string | Uint8Array, options?: Partial<Passed>): Promise<void>;
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Message>;

  on(event: 'close', listener: (hadError: boolean) => void): this;
  on(event: 'connect' | 'ready' | 'end' | 'drain' | 'timeout', listener: () => void): this;
  on(event: 'data' | 'message', listener: (message: Message) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

export interface ServerOptions extends ReceiveOptions {
  type?: 'stream';
  allow?: Rules;
  /** How many connections of one user may be open at once. */
  maxPerUid?: number;
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  highWaterMark?: number;
}

export interface SeqpacketServerOptions extends Omit<ServerOptions, 'type'> {
  type: 'seqpacket';
}

export interface ListenOptions extends BindOptions {
  path: Address;
  backlog?: number;
  readableAll?: boolean;
  writableAll?: boolean;
  /** Closes the server. */
  signal?: AbortSignal;
}

export interface ListenDescriptorOptions {
  /** The descriptor of a bound socket: from a service manager, or from a predecessor. */
  fd: number;
  backlog?: number;
  signal?: AbortSignal;
}

/** A net.Server, of connections of either kind. */
export class Server<T extends Socket | Connection = Socket> extends EventEmitter {
  constructor(listener?: (connection: T) => void);
  constructor(
    options: ServerOptions | SeqpacketServerOptions,
    listener?: (connection: T) => void,
  );
  /** Without an address the kernel picks a name. */
  listen(listener?: () => void): this;
  listen(path: Address, listener?: () => void): this;
  listen(path: Address, backlog: number, listener?: () => void): this;
  listen(options: ListenOptions | ListenDescriptorOptions, listener?: () => void): this;
  close(callback?: (error?: Error) => void): this;
  address(): Address | null;
  getConnections(callback: (error: Error | null, count: number) => void): this;
  ref(): this;
  unref(): this;
  maxConnections?: number;
  readonly listening: boolean;
  readonly handle: number | undefined;
  allow(rules: Rules): Promise<void>;
  /** How many clients were refused. */
  readonly refused: number;
  /** Whether the path still leads to this server; `false` after another server has replaced it. */
  readonly ownsFile: boolean;
  /** How often a server with `restoreFile` got its path back. */
  readonly restored: number;
  /** Gives the descriptor away: the caller has to close it. The file stays. */
  release(): number;
  /** Leaves the file to a successor: this process will not remove it. */
  disown(): this;
  [Symbol.asyncDispose](): Promise<void>;

  on(event: 'close' | 'listening', listener: () => void): this;
  on(event: 'connection', listener: (connection: T) => void): this;
  on(event: 'drop', listener: (data: { localAddress?: Address }) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

export function createServer(listener?: (socket: Socket) => void): Server;
export function createServer(
  options: SeqpacketServerOptions,
  listener?: (connection: Connection) => void,
): Server<Connection>;
export function createServer(
  options: ServerOptions,
  listener?: (socket: Socket) => void,
): Server;

export function connect(path: Address, listener?: () => void): Socket;
export function connect(options: SeqpacketConnectOptions, listener?: () => void): Connection;
export function connect(options: ConnectOptions, listener?: () => void): Socket;
export { connect as createConnection };

/** Two sockets that are connected with each other. */
export function pair(options: ConnectedOptions & { type: 'seqpacket' }): [Connection, Connection];
export function pair(options?: SocketOptions & { type?: 'stream' }): [Socket, Socket];

export interface DatagramSocketOptions extends ReceiveOptions {
  type: 'dgram';
  signal?: AbortSignal;
  sendBufferSize?: number;
  recvBufferSize?: number;
}

export interface RemoteInfo extends Partial<MessageInfo> {
  /** The address for an answer; '': the sender has no name. */
  address: Address;
  family: 'unix';
  /** Always 0. */
  port: number;
  size: number;
}

type Sent = (error: Error | null, bytes: number) => void;
type Payload = string | NodeJS.ArrayBufferView | readonly (string | NodeJS.ArrayBufferView)[];
type Target = Address | ({ address?: Address } & Passed);

/** A datagram socket, with dgram.Socket's methods. Their port may be left out. */
export class DatagramSocket extends EventEmitter {
  constructor(
    options: 'dgram' | DatagramSocketOptions,
    listener?: (message: Buffer, rinfo: RemoteInfo) => void,
  );
  readonly type: 'dgram';
  readonly handle: number | undefined;
  /** Without an address the kernel picks a name. */
  bind(callback?: () => void): this;
  bind(address: Address, callback?: () => void): this;
  bind(port: number | undefined, address: Address, callback?: () => void): this;
  bind(options: BindOptions & { address?: Address }, callback?: () => void): this;
  connect(address: Address, callback?: (error?: Error) => void): void;
  connect(port: number, address: Address, callback?: (error?: Error) => void): void;
  /**
   * What the receiver has room for is sent in this call. The rest waits, and must not be changed
   * before its callback.
   */
  send(message: Payload, callback?: Sent): void;
  send(message: Payload, target: Target, callback?: Sent): void;
  send(message: Payload, port: number, target?: Target, callback?: Sent): void;
  send(message: Payload, offset: number, length: number, callback?: Sent): void;
  send(message: Payload, offset: number, length: number, target: Target, callback?: Sent): void;
  send(
    message: Payload,
    offset: number,
    length: number,
    port: number,
    target?: Target,
    callback?: Sent,
  ): void;
  close(callback?: () => void): this;
  address(): { address: Address; family: 'unix'; port: number };
  remoteAddress(): { address: Address; family: 'unix'; port: number };
  ref(): this;
  unref(): this;
  getSendBufferSize(): number;
  setSendBufferSize(size: number): void;
  getRecvBufferSize(): number;
  setRecvBufferSize(size: number): void;
  getSendQueueSize(): number;
  getSendQueueCount(): number;
  [Symbol.asyncDispose](): Promise<void>;

  on(event: 'close' | 'connect' | 'listening', listener: () => void): this;
  on(event: 'message', listener: (message: Buffer, rinfo: RemoteInfo) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

export function createSocket(
  options: 'dgram' | DatagramSocketOptions,
  listener?: (message: Buffer, rinfo: RemoteInfo) => void,
): DatagramSocket;

export interface Inspection {
  /** 'stale': the file of a socket that no process has open any more. */
  state: 'absent' | 'live' | 'stale' | 'not a socket';
  type?: 'stream' | 'dgram' | 'seqpacket';
  mode: number;
  uid?: number;
  gid?: number;
  /** A process that has the socket open. */
  pid?: number;
  /** The user who made the socket. */
  processUid?: number;
  device: bigint;
  inode: bigint;
  /** How many connections wait to be accepted; `queueLimit`: how many may. */
  queue: number;
  queueLimit?: number;
  /** How many processes have it open, of those that this process may look into. */
  processes: number;
  /** Which programs can reach the address, judged by its length. */
  reach: 'all' | 'most' | 'few';
}

/** Counts since the handle was made, except `keptBytes`, which is kept now. */
export interface Counters {
  sentBytes: number;
  sentMessages: number;
  receivedBytes: number;
  receivedMessages: number;
  sleeps: number;
  spinsPaid: number;
  spinsLost: number;
  accepted: number;
  refused: number;
  keptBytes: number;
  keptBytesMost: number;
  dropped: number;
}

/**
 * What went through a server, a connection, a datagram socket or a poller, by calls of the library.
 * (Node itself moves the bytes of a `Socket`.)
 */
export function counters(of: { readonly handle: number | undefined } | number): Counters;

/** Says what is at an address. A server there does not notice it. */
export function inspect(path: Address): Promise<Inspection>;

/** A message on the diagnostics channel 'udsock:log': what the library does by itself. */
export interface LogRecord {
  level: 'error' | 'warning' | 'info' | 'debug';
  /** A number: an event that only a later version of the library has. */
  event:
    | 'reclaimed'
    | 'swept'
    | 'took-over'
    | 'taken-over'
    | 'file-gone'
    | 'not-removed'
    | 'refused'
    | 'no-alarm'
    | 'taken-away'
    | 'datagram-dropped'
    | 'unsent-dropped'
    | 'missing'
    | 'call-failed'
    | 'panic'
    | 'not-noted'
    | 'restored'
    | 'long-path'
    | number;
  /** The reason: the name of an error code. */
  code?: string;
  handle?: number;
  pid?: number;
  uid?: number;
  path?: string;
  /** All of this in words, in one line. */
  text: string;
}

/** Removes this process's socket files now, as at its normal exit. Returns how many. */
export function cleanup(): number;

/** Has them removed also when this signal ends the process. */
export function cleanupOnSignal(signal: NodeJS.Signals): void;

/**
 * Closes a descriptor that came from this package (`takeFds`, `release`, `peerPidfd`).
 * `fs.closeSync` does the same, except in Deno, where it refuses descriptors that it did not open.
 */
export function closeDescriptor(fd: number): void;

/** The version of the loaded library. */
export const version: string;

/** The events of one round of a poller. Valid until the callback returns. */
export interface Batch {
  readonly length: number;
  /** The handle of the socket that event `i` is about. */
  socket(i: number): number;
  token(i: number): number;
  /** One of Poller.ACCEPTED, RECEIVED, DRAINED, ENDED, FAILED, READY. */
  kind(i: number): number;
  /** 0, or an error code. */
  code(i: number): number;
  offset(i: number): number;
  size(i: number): number;
  /** The received data. It is a view: copy what you want to keep. */
  data(i: number): Buffer;
  /** The address of a datagram's sender. */
  address(i: number): Address;
}

export interface PollerOptions {
  /** The most events in a round, and items in a call. */
  capacity?: number;
  /** The most bytes that are received in a round. */
  arenaSize?: number;
  /** The most bytes that are sent in a call. */
  outputSize?: number;
  /** The most bytes that are kept for a socket that does not take them. */
  sendLimit?: number;
  /** The most bytes of a stream that one event has. */
  receiveSize?: number;
}

export interface MemberOptions {
  /** The poller only reports READY, and the program receives or accepts. */
  readiness?: boolean;
  /** The poller receives from it even while it keeps something for it. */
  duplex?: boolean;
  /** Nothing is received (or accepted) for now; what is kept is still sent. */
  paused?: boolean;
}

/** The fast path: many events and many answers in one call. Sockets are handles. */
export class Poller {
  static readonly ACCEPTED: 1;
  static readonly RECEIVED: 2;
  static readonly DRAINED: 3;
  static readonly ENDED: 4;
  static readonly FAILED: 5;
  static readonly READY: 6;
  static readonly THEN_SHUTDOWN: 1;
  static readonly THEN_CLOSE: 2;
  /** What finds no room is not kept. On a stream, no data asks whether something is kept. */
  static readonly DONT_KEEP: 16;
  static readonly READ: 1;
  static readonly WRITE: 2;
  /** `onRefused`: an item was not taken; `code` says why (-EAGAIN: wait for DRAINED). */
  constructor(options?: PollerOptions, onRefused?: (socket: number, code: number) => void);
  start(onBatch: (batch: Batch) => void): this;
  stop(): void;
  /** Makes one round, without waiting. Returns how many events there were. */
  poll(): number;
  listen(
    path: Address,
    options?: BindOptions & {
      type?: 'stream' | 'dgram' | 'seqpacket';
      token?: number;
      duplex?: boolean;
      backlog?: number;
    },
  ): Promise<number>;
  connect(
    path: Address,
    options?: {
      type?: 'stream' | 'dgram' | 'seqpacket';
      token?: number;
      duplex?: boolean;
      localAddress?: Address;
    },
  ): number;
  /** Adds a socket, or gives a member this token and these options. */
  add(socket: number, token?: number, options?: MemberOptions): void;
  remove(socket: number): void;
  /** Closes the socket, and removes its file. */
  closeSocket(socket: number): void;
  /** Shuts down receiving (Poller.READ), sending (Poller.WRITE, at once), or both. */
  shutdown(socket: number, how: number): void;
  /** Collects the data; it is sent when the callback returns, or by `flush`. */
  send(socket: number, data: string | Uint8Array, flags?: number): void;
  sendTo(socket: number, data: string | Uint8Array, address: Address): void;
  /** Sends at once, after what was collected. Returns the bytes that were taken, or a code. */
  sendNow(socket: number, data: string | Uint8Array, flags?: number): number;
  /** Sends the data of event `i`, without a copy. */
  forward(batch: Batch, i: number, socket?: number, flags?: number): void;
  flush(): void;
  ref(): this;
  unref(): this;
  /** Closes the poller. Its members stay open. */
  close(): void;
}

export namespace promises {
  function connect(
    path: Address,
    options?: Omit<ConnectOptions, 'path'>,
  ): Promise<Socket>;
  function connect(options: SeqpacketConnectOptions): Promise<Connection>;
  function connect(options: ConnectOptions): Promise<Socket>;
  function connect(
    path: Address,
    options: Omit<SeqpacketConnectOptions, 'path'>,
  ): Promise<Connection>;

  function listen(path: Address, listener?: (socket: Socket) => void): Promise<Server>;
  function listen(
    path: Address,
    options: SeqpacketServerOptions & Omit<ListenOptions, 'path'>,
    listener?: (connection: Connection) => void,
  ): Promise<Server<Connection>>;
  function listen(
    path: Address,
    options: ServerOptions & Omit<ListenOptions, 'path'>,
    listener?: (socket: Socket) => void,
  ): Promise<Server>;

  /** Opens a bound datagram socket. Without an address the kernel picks a name. */
  function bind(
    address?: Address,
    options?: BindOptions & Omit<DatagramSocketOptions, 'type'>,
  ): Promise<DatagramSocket>;
}
