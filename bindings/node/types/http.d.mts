export * from './http.js';
export * as default from './http.js';
