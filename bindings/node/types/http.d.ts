/// <reference types="node" />

import * as http from 'node:http';
import { Address, ListenDescriptorOptions, ListenOptions, Rules, ServerOptions } from './index.js';

export interface AgentOptions extends http.AgentOptions {
  /** The address for all requests; without it each request has its own `socketPath`. */
  socketPath?: Address;
  /** Try again while there is no server. */
  retry?: boolean;
}

/** For requests with `socketPath`. */
export class Agent extends http.Agent {
  constructor(options?: AgentOptions);
}

export let globalAgent: http.Agent;

export class Server extends http.Server {
  constructor(options?: http.ServerOptions & ServerOptions, listener?: http.RequestListener);
  constructor(listener?: http.RequestListener);
  listen(path: Address, listener?: () => void): this;
  listen(path: Address, backlog: number, listener?: () => void): this;
  listen(options: ListenOptions | ListenDescriptorOptions, listener?: () => void): this;
  /** Other arguments of http.Server (ports) are an error here. */
  listen(...args: any[]): this;
  /** Lets these clients in. After the first rule nobody else may connect. */
  allow(rules: Rules): Promise<void>;
}

export function createServer(listener?: http.RequestListener): Server;
export function createServer(
  options: http.ServerOptions & ServerOptions,
  listener?: http.RequestListener,
): Server;

export const request: typeof http.request;
export const get: typeof http.get;
