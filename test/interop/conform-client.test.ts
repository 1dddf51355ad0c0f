import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { hawser } from '../cli/talking.ts';
import { python } from './peers.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'conformance', 'README.md');

test('EX-03 CM-09: hawser conform tests the Python loop of docs/conformance and stops it', {
  skip: python.skip,
}, async () => {
  const [, code = ''] = /^```python\n([^]*?)^```$/m.exec(readFileSync(PAGE, 'utf8')) ?? assert.fail();
  const io = fakeIo();
  const exit = hawser(io, 'conform', '--listen', '0', '--only', 'lengths.*,control.*');
  const url = await waitUntil(() => /ws:\/\/\S+/.exec(io.errLines.join('\n'))?.[0]);
  assert.ok(code.includes('ws://127.0.0.1:9001/'));
  const loop = code.replace('ws://127.0.0.1:9001/', url!).replaceAll(/^(?=.)/gm, '    ');
  const program = `import asyncio, websockets\nasync def main():\n${loop}\nasyncio.run(main())\n`;
  await promisify(execFile)(python.peer!, ['-c', program], { timeout: 60_000 });
  assert.equal(await exit, 0, io.outLines.join('\n'));
});
