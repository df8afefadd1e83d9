import http from './http.js';

export default http;
export const { Agent, Server, createServer, get, globalAgent, request } = http;
