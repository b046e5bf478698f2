// Which user's browser is at the other end of a connection, and how it is answered.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { endianness } from 'node:os';
import test from 'node:test';

import { end, otherEnd, Peers, peerOf } from '../src/peers.js';
import { visitor, waitingLogin } from './support.js';

const ends = { ours: end('127.0.0.1', 8000), theirs: end('127.0.0.1', 40000) };

/** Returns an address, given by its bytes, as the kernel of this machine writes it. */
function written(bytes, port) {
  const buffer = Buffer.from(bytes);
  if (endianness() === 'LE') buffer.swap32();
  return `${buffer.toString('hex').toUpperCase()}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

const v4 = [127, 0, 0, 1];
const mapped = [...Array(10).fill(0), 0xff, 0xff, ...v4];
const ours = (bytes = v4) => written(bytes, 8000);
const theirs = (bytes = v4) => written(bytes, 40000);

function line(local, remote, state, uid, inode) {
  return `  12: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 000000002c0f7c18 20 4 30 10 -1\n`;
}

test('the table shows the user at the other end', () => {
  const mine = (state) => line(ours(), theirs(), state, 1000, 7);
  const rows = [
    [mine('01') + line(theirs(), ours(), '01', 1001, 8), 1001],
    [line(theirs(), ours(), '05', 1001, 8), 1001],
    [mine('01') + line(theirs(mapped), ours(mapped), '01', 1001, 8), 1001],
    [line(theirs(), ours(), '01', 0, 8), 0],
    // A socket that its owner has closed, not one of root.
    [mine('08') + line(theirs(), ours(), '05', 0, 0), 'gone'],
    [mine('07'), 'gone'],
    ['', 'gone'],
    [mine('01'), 'elsewhere'],
    ['nonsense\n12: x y z\n 1: 0100007F:1F40 0100007F:9C40 01\n', 'gone'],
  ];
  const heading =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  for (const [text, found] of rows) assert.equal(otherEnd([heading + text], ends), found, text);
  const loopback = [...Array(15).fill(0), 1];
  const six = { ours: end('::1', 8000), theirs: end('0:0:0:0:0:0:0:1', 40000) };
  assert.equal(otherEnd(['', line(theirs(loopback), ours(loopback), '01', 1001, 8)], six), 1001);
});

test('users are told apart', () => {
  for (const [own, unmapped, uid, peer] of [
    [[1000], undefined, 1000, 'same-user'],
    [[1000], undefined, 1001, 'other-user'],
    [[1000], undefined, 0, 'unknown'],
    [[0], undefined, 0, 'same-user'],
    [[0], undefined, 65534, 'other-user'],
    [[1000], 65534, 65534, 'unknown'],
    [[500, 1000], undefined, 1000, 'same-user'],
  ])
    assert.equal(peerOf(uid, { own, unmapped }), peer);
});

test('this machine shows this user, and a closed connection', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { address, port } = server.address();
  const peers = new Peers(address, port);
  assert.equal(peers.tells, true);
  const client = connect(port, address);
  const [accepted] = await once(server, 'connection');
  assert.equal(peers.peer(accepted), 'same-user');
  client.destroy();
  await once(client, 'close');
  assert.equal(peers.peer(accepted), undefined);
  accepted.destroy();
});

const isRoot =
  process.geteuid?.() === 0 && process.platform === 'linux' && existsSync('/usr/bin/curl');
test("another user's visit does not use up the address, and the user is told once", {
  skip: !isRoot && 'needs root, to be two users, and curl',
}, async (t) => {
  const { address, pending, screen } = await waitingLogin(t);
  for (let time = 0; time < 2; time += 1) {
    const curl = spawn('/usr/bin/curl', ['-s', '-i', address], {
      uid: 65534,
      gid: 65534,
      cwd: '/',
    });
    let said = '';
    curl.stdout.on('data', (text) => {
      said += text;
    });
    await once(curl, 'close');
    assert.match(said, /^HTTP\/1\.1 403 /);
    assert.match(said, /This browser belongs to another user/);
  }
  await visitor(address);
  assert.equal((await pending).source, 'login');
  assert.equal(screen.text.match(/another user of this machine/g).length, 1);
});
