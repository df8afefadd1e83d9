/// <reference types="node" />

import { EventEmitter } from 'node:events';
import * as net from 'node:net';
import { Duplex, DuplexOptions } from 'node:stream';

/**
 * A path, or an abstract name: "@name", with \0, \\ and \xNN for any byte, and \z at the end for
 * NULs to the end of sun_path, as HAProxy's `abns@` and Node.js 20 bind them.
 */
export type Address = string;

/** An open descriptor, or what has one: a FileHandle, a pidfd's number. */
export type Descriptor = number | { readonly fd: number };

/** A process, and the user and group it acts for: what the kernel vouches for. */
export interface Credentials {
  /** 0: unknown, as of a process of a PID namespace that this one does not see. */
  pid: number;
  /** 4294967295: unknown, as a user whom this user namespace has no number for. */
  uid: number;
  /** 4294967295: unknown. */
  gid: number;
}

/** What a call of the library failed with; `message` says what stood in the way. */
export interface SocketError extends Error {
  /** "EADDRINUSE" */
  code: string;
  /** Below 0, as everywhere in Node. */
  errno: number;
  syscall: string;
  address?: Address;
}

/** Who may connect. The first rule closes the door to everyone else. */
export interface Rules {
  uids?: readonly number[];
  gids?: readonly number[];
  users?: readonly string[];
  groups?: readonly string[];
}

export interface BindOptions {
  /** The file's permission bits, whatever the umask; 0777 less the umask by default. */
  mode?: number;
  /** The file's owner: a name or a number. */
  user?: string | number;
  group?: string | number;
  /** Take the path over, from a live server too. */
  replace?: boolean;
  /** `false`: leave a dead server's file where it is: EADDRINUSE. */
  reclaim?: boolean;
  /** The file stays when the socket is closed. */
  keepFile?: boolean;
  /** Make the directories that are missing. */
  makeParents?: boolean;
  /**
   * Get the path back, with the clients that wait, when the file was removed or another program
   * took the path: within 200 ms. Not from who says `replace`.
   */
  restoreFile?: boolean;
}

interface ReceiveOptions {
  /** Take descriptors that come with messages. */
  receiveDescriptors?: boolean;
  /** Tell who sent each message. */
  receiveCredentials?: boolean;
}

interface ConnectedOptions extends ReceiveOptions {
  /** An open socket's descriptor, which belongs to this one from now on. */
  fd?: number;
  allowHalfOpen?: boolean;
  signal?: AbortSignal;
  highWaterMark?: number;
  readableHighWaterMark?: number;
  writableHighWaterMark?: number;
}

export interface SocketOptions extends ConnectedOptions {
  /** Where to put what comes, instead of 'data' events; `false` pauses. */
  onread?: {
    buffer: Uint8Array | (() => Uint8Array);
    callback(size: number, buffer: Uint8Array): boolean | void;
  };
}

export interface ConnectOptions extends SocketOptions {
  path: Address;
  type?: 'stream';
  /** An address to bind to first, by which the server knows this client. */
  localAddress?: Address;
  /**
   * While there is no server try again; `signal` ends it. A file that lets nobody in is one that its
   * server has not opened yet, for a second.
   */
  retry?: boolean;
  /** As setTimeout. */
  timeout?: number;
}

export interface SeqpacketConnectOptions extends Omit<ConnectOptions, 'type'> {
  type: 'seqpacket';
}

/** Who is at the other end, and other things that stream and seqpacket connections have. */
interface Connected {
  readonly remoteFamily: 'unix' | undefined;
  /** The server that accepted it. */
  readonly server?: Server<any> | null;
  address(): { address: Address; family: 'unix' } | {};
  /** Gives the descriptor away, which is the caller's to close; this socket is destroyed. */
  release(): number;
  peerCredentials(): Credentials;
  peerGroups(): number[];
  peerLabel(): string;
  /** A descriptor for the peer's process, which is the caller's to close. */
  peerPidfd(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Descriptors that go along with data. */
export interface Passed {
  fds: readonly Descriptor[];
  /** They are closed here when they have gone. */
  consume?: boolean;
}

export interface Socket extends Connected {}

/** A stream connection: a net.Socket. */
export class Socket extends net.Socket {
  constructor(options?: SocketOptions);
  connect(options: ConnectOptions, listener?: () => void): this;
  connect(path: Address, listener?: () => void): this;
  /** What net.Socket takes besides, ports, is an error here. */
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
   * Passes descriptors, which stay open here, along with `data`, of which there must be some. They
   * may be closed when this returns.
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
   * The descriptors that came with what has been read so far, the first `count` of them; they are
   * the caller's to close. (Where 'descriptors' is listened to they are told there.)
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
  /** Descriptors came that could not be taken; they are closed. */
  fdsLost?: boolean;
}

/** A message, and what came along with it. */
export type Message = Buffer & Partial<MessageInfo>;

export interface Connection extends Connected {}

/** A seqpacket connection: a stream of messages, with net.Socket's methods. */
export class Connection extends Duplex {
  constructor(options?: ConnectedOptions);
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
  /** Settles when the message has been sent. It may be empty. */
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
  /** A socket that is bound: from a service manager, or a predecessor. */
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
  /** Without an address: a name that the kernel picks. */
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
  /** How many clients the rules have kept out. */
  readonly refused: number;
  /** Whether the path still leads here: not after another server has replaced this one. */
  readonly ownsFile: boolean;
  /** How often a server with `restoreFile` has had its path back. */
  readonly restored: number;
  /** Gives its descriptor away, which is the caller's to close. The file stays. */
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
  /** Where an answer goes; '': the sender has no name. */
  address: Address;
  family: 'unix';
  /** Always 0. */
  port: number;
  size: number;
}

type Sent = (error: Error | null, bytes: number) => void;
type Payload = string | NodeJS.ArrayBufferView | readonly (string | NodeJS.ArrayBufferView)[];
type Target = Address | ({ address?: Address } & Passed);

/** A datagram socket, with dgram.Socket's methods. Where those have a port it may be left out. */
export class DatagramSocket extends EventEmitter {
  constructor(
    options: 'dgram' | DatagramSocketOptions,
    listener?: (message: Buffer, rinfo: RemoteInfo) => void,
  );
  readonly type: 'dgram';
  readonly handle: number | undefined;
  /** Without an address, to a name that the kernel picks. */
  bind(callback?: () => void): this;
  bind(address: Address, callback?: () => void): this;
  bind(port: number | undefined, address: Address, callback?: () => void): this;
  bind(options: BindOptions & { address?: Address }, callback?: () => void): this;
  connect(address: Address, callback?: (error?: Error) => void): void;
  connect(port: number, address: Address, callback?: (error?: Error) => void): void;
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
  /** 'stale': the file of a socket that nobody has open any more. */
  state: 'absent' | 'live' | 'stale' | 'not a socket';
  type?: 'stream' | 'dgram' | 'seqpacket';
  mode: number;
  uid?: number;
  gid?: number;
  /** A process that has it open. */
  pid?: number;
  /** Who made the socket. */
  processUid?: number;
  device: bigint;
  inode: bigint;
  /** How many connections wait to be accepted, and how many may. */
  queue: number;
  queueLimit?: number;
  /** How many have it open, of those that this process may look into. */
  processes: number;
  /** Which programs can reach it, as far as its length is concerned. */
  reach: 'all' | 'most' | 'few';
}

/** All that has been so far, but for `keptBytes`. */
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
 * What has gone through a server, a connection, a datagram socket or a poller, by calls of the
 * library. (The bytes of a `Socket` are moved by Node itself.)
 */
export function counters(of: { readonly handle: number | undefined } | number): Counters;

/** Says what is at an address, without being noticed there. */
export function inspect(path: Address): Promise<Inspection>;

/** What is published to the diagnostics channel 'udsock:log': what the library does by itself. */
export interface LogRecord {
  level: 'error' | 'warning' | 'info' | 'debug';
  /** A number: one of a later version of the library. */
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
  /** Why: the name of an error code. */
  code?: string;
  handle?: number;
  pid?: number;
  uid?: number;
  path?: string;
  /** All of this in words, in one line. */
  text: string;
}

/** Removes this process's socket files now, as it does at its normal exit: how many. */
export function cleanup(): number;

/** Lets them be removed also when this signal ends the process. */
export function cleanupOnSignal(signal: NodeJS.Signals): void;

/**
 * Closes a descriptor that came from here (`takeFds`, `release`, `peerPidfd`), as `fs.closeSync`
 * does where it is not Deno's, which refuses what it has not opened.
 */
export function closeDescriptor(fd: number): void;

/** The version of the library that is loaded. */
export const version: string;

/** What happened, in one round of a poller. Valid until the callback returns. */
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
  /** What was received: a view, to be copied if it is to be kept. */
  data(i: number): Buffer;
  /** Who sent a datagram. */
  address(i: number): Address;
}

export interface PollerOptions {
  /** Events in a round, and items in a call. */
  capacity?: number;
  /** Bytes that are received in a round. */
  arenaSize?: number;
  /** Bytes that are sent in a call. */
  outputSize?: number;
  /** Bytes that are kept for a socket that does not take them. */
  sendLimit?: number;
  /** Bytes of a stream that one event brings. */
  receiveSize?: number;
}

export interface MemberOptions {
  /** It is only reported as READY, and the program receives or accepts. */
  readiness?: boolean;
  /** It is received from also while something is kept for it. */
  duplex?: boolean;
  /** Nothing is received (or accepted) for now; what is kept goes on its way. */
  paused?: boolean;
}

/** The fast path: many events and many answers a call. Sockets are handles. */
export class Poller {
  static readonly ACCEPTED: 1;
  static readonly RECEIVED: 2;
  static readonly DRAINED: 3;
  static readonly ENDED: 4;
  static readonly FAILED: 5;
  static readonly READY: 6;
  static readonly THEN_SHUTDOWN: 1;
  static readonly THEN_CLOSE: 2;
  /** What finds no room is not kept; without data it asks a stream whether something is kept. */
  static readonly DONT_KEEP: 16;
  static readonly READ: 1;
  static readonly WRITE: 2;
  /** `onRefused`: an item was not taken; `code` says why (-EAGAIN: wait for DRAINED). */
  constructor(options?: PollerOptions, onRefused?: (socket: number, code: number) => void);
  start(onBatch: (batch: Batch) => void): this;
  stop(): void;
  /** One round, without waiting: how many events there were. */
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
  /** Adds a socket; or gives one that is here another token, and these. */
  add(socket: number, token?: number, options?: MemberOptions): void;
  remove(socket: number): void;
  /** Closes it, and removes its file. */
  closeSocket(socket: number): void;
  /** Nothing more is received (Poller.READ), or sent (Poller.WRITE, at once); or both. */
  shutdown(socket: number, how: number): void;
  /** Collected until the callback returns, or until `flush`. */
  send(socket: number, data: string | Uint8Array, flags?: number): void;
  sendTo(socket: number, data: string | Uint8Array, address: Address): void;
  /** At once, behind what was collected: how many bytes were taken, or an error code. */
  sendNow(socket: number, data: string | Uint8Array, flags?: number): number;
  /** Sends what event `i` brought, without a copy. */
  forward(batch: Batch, i: number, socket?: number, flags?: number): void;
  flush(): void;
  ref(): this;
  unref(): this;
  /** Its members stay open. */
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

  /** A datagram socket that is bound; without an address, to a name that the kernel picks. */
  function bind(
    address?: Address,
    options?: BindOptions & Omit<DatagramSocketOptions, 'type'>,
  ): Promise<DatagramSocket>;
}
