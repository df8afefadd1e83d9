// Node's net.Socket, net.Server, http.Server and http.Agent are functions, which programs call
// without `new` and inherit from in the old way (and dgram.Socket the latter). So can ours be.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import nodeHttp from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import util from 'node:util';
import { DatagramSocket, Server, Socket } from 'udsock';
import http from 'udsock/http';
import { GUARD, directory, text } from './support.mjs';

const at = directory();

const KINDS = [
  ['Socket', Socket, net.Socket],
  ['Server', Server, net.Server],
  ['http.Server', http.Server, nodeHttp.Server],
  ['http.Agent', http.Agent, nodeHttp.Agent],
  ['DatagramSocket', DatagramSocket, EventEmitter, 'dgram'],
];

/** What the constructors refuse, and how. */
const REFUSED = {
  Socket: [{ fd: -1 }, 'ERR_OUT_OF_RANGE'],
  Server: [{ type: 'dgram' }, 'ERR_INVALID_ARG_TYPE'],
  'http.Server': [{ type: 'dgram' }, 'ERR_INVALID_ARG_TYPE'],
  DatagramSocket: ['stream', 'ERR_INVALID_ARG_TYPE'],
};

for (const [name, Kind, Base, ...args] of KINDS) {
  test(`${name} is called without new, and is the class all the same`, () => {
    for (const made of [Kind(...args), new Kind(...args)]) {
      assert.ok(made instanceof Kind && made instanceof Base);
      assert.equal(made.constructor, Kind);
      assert.equal(Object.getPrototypeOf(made), Kind.prototype);
    }
    assert.equal(Kind.name, name.split('.').at(-1));
    // An object of some other kind is not made into one.
    const other = {};
    const made = Kind.call(other, ...args);
    assert.notEqual(made, other);
    assert.ok(made instanceof Kind);
    assert.deepEqual(Reflect.ownKeys(other), []);
  });

  test(`${name} is inherited from in both ways, more than once`, () => {
    class Class extends Kind {
      own = 'own';
    }
    class Further extends Class {}
    const made = new Further(...args);
    assert.ok(made instanceof Further && made instanceof Kind && made instanceof Base);
    assert.equal(made.constructor, Further);
    assert.equal(made.own, 'own');
    assert.throws(() => Class(), TypeError);

    function Old() {
      Kind.apply(this, args);
      this.own = 'own';
    }
    util.inherits(Old, Kind);
    function Older() {
      Old.call(this);
    }
    util.inherits(Older, Old);
    const old = new Older();
    assert.ok(old instanceof Older && old instanceof Kind && old instanceof Base);
    assert.equal(old.constructor, Older);
    assert.equal(old.own, 'own');
    assert.equal(Old.super_, Kind);
  });

  if (!(name in REFUSED)) continue;
  test(`${name}: what the constructor refuses it refuses in every way`, () => {
    const [wrong, code] = REFUSED[name];
    function Old(value) {
      Kind.call(this, value);
    }
    util.inherits(Old, Kind);
    for (const make of [() => new Kind(wrong), () => Kind(wrong), () => new Old(wrong)]) {
      assert.throws(make, { code });
    }
    // And the next one is none the worse.
    assert.ok(new Old(...args) instanceof Kind);
  });
}

test('what is made in the old way works', GUARD, async () => {
  function Greeter(name) {
    Server.call(this, (socket) => socket.end(`hello from ${name} at ${this.address()}`));
  }
  util.inherits(Greeter, Server);
  function Client(options) {
    Socket.call(this, options);
  }
  util.inherits(Client, Socket);
  const greeter = new Greeter('old');
  await new Promise((resolve) => greeter.listen(at('old'), resolve));
  assert.ok(greeter.ownsFile);
  const client = new Client({ allowHalfOpen: false });
  assert.equal(await text(client.connect(at('old'))), `hello from old at ${at('old')}`);
  assert.equal(client.bytesRead, `hello from old at ${at('old')}`.length);
  greeter.close();

  const served = http.Server((request, response) => response.end('by http'));
  await new Promise((resolve) => served.listen(at('http'), resolve));
  const agent = http.Agent({ keepAlive: false });
  const said = await new Promise((resolve) => {
    http.get({ socketPath: at('http'), path: '/', agent }, (response) => resolve(text(response)));
  });
  assert.equal(said, 'by http');
  served.close();

  function Receiver() {
    DatagramSocket.call(this, 'dgram');
  }
  util.inherits(Receiver, DatagramSocket);
  const receiver = new Receiver();
  receiver.bind(at('receiver'));
  receiver.send('to myself', at('receiver'));
  const [message] = await once(receiver, 'message');
  assert.equal(message.toString(), 'to myself');
  receiver.close();
});

test('a socket that is made while another is made is not taken for it', GUARD, () => {
  let inner;
  function Outer() {
    const options = {
      get fd() {
        inner = Socket();
        return undefined;
      },
    };
    Socket.call(this, options);
  }
  util.inherits(Outer, Socket);
  const outer = new Outer();
  assert.notEqual(inner, outer);
  assert.ok(!(inner instanceof Outer));
  assert.equal(outer.pending && inner.pending, true);
});
