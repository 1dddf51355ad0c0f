import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ioredis, nodeRedis } from '../redis/clients.ts';
import { noRedis } from '../redis/server.ts';

const SOAK = join(import.meta.dirname, '..', '..', '..', 'bench', 'cluster', 'soak.js');

test('SC-05 a short soak: nodes are killed at random, and nothing is lost or comes twice', {
  skip: noRedis || ioredis.skip || nodeRedis.skip,
}, async () => {
  const short = ['--minutes', '0.1', '--clients', '60', '--rate', '200', '--topics', '12'];
  const { stdout } = await promisify(execFile)(process.execPath, [SOAK, ...short]);
  const { ran, counts } = JSON.parse(stdout) as {
    readonly ran: { readonly kills: number; readonly cuts: number };
    readonly counts: Readonly<Record<string, number>>;
  };
  assert.ok(ran.kills + ran.cuts > 0);
  assert.ok(counts['published']! > 100 && counts['delivered']! > 500);
  assert.deepEqual([counts['lostSilently'], counts['twice'], counts['lostAnnounced']], [0, 0, 0]);
});
