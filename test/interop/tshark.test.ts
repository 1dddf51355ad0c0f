import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, WebSocketServer } from '../../src/index.ts';
import { recorded } from '../observe/recorded.ts';
import { tshark } from './peers.ts';

for (const [title, perMessageDeflate] of [
  ['plain', false],
  ['with permessage-deflate and context takeover', { thresholdBytes: 0, contextTakeover: true }],
] as const) {
  test(`TS-06 LG-04: tshark shows opcode, text and comment of a pcapng capture, ${title}`, {
    skip: tshark.skip,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-tshark-'));
    t.after(() => rmSync(folder, { recursive: true }));
    await using server = new WebSocketServer({ perMessageDeflate });
    server.on('message', (connection, message) => void connection.send(message));
    const { port } = await server.listen(0, '127.0.0.1');
    const { running, bytes } = recorded(({ remotePort }) => remotePort !== port, { format: 'pcapng' });
    const client = await connect(`ws://127.0.0.1:${port}/`, { perMessageDeflate });
    for (const message of ['first', 'second', '{"json":true}', Buffer.alloc(70_000, 'ab')]) {
      client.send(message);
      await once(client, 'message');
    }
    const [connection] = [...server.connections];
    client.close(1000, 'bye');
    await connection!.closed;
    await running.stop();
    const file = join(folder, 'capture.pcapng');
    writeFileSync(file, bytes());
    const fields = ['websocket.opcode', 'websocket.payload.text', 'frame.comment', 'websocket.mask'];
    const args = ['-r', file, '-Y', 'websocket', '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const { stdout, status, stderr } = spawnSync(tshark.peer!, args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'));
    const { id } = connection!;
    const texts = ['first', 'second', '{"json":true}'];
    assert.deepEqual(
      rows.slice(0, 6),
      texts.flatMap((text) => [
        ['1', text, id, '1'],
        ['1', text, id, '0'],
      ]),
    );
    assert.deepEqual(
      rows.slice(6).map(([opcode, , comment]) => [opcode, comment]),
      [
        ['2', id],
        ['2', id],
        ['8', id],
        ['8', id],
      ],
    );
    const notes = spawnSync(tshark.peer!, ['-r', file, '-q', '-z', 'expert,warn'], { encoding: 'utf8' });
    assert.doesNotMatch(notes.stdout, /Errors|Warns/);
  });
}
