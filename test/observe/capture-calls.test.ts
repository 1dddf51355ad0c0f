import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as observe from '../../src/observe/index.ts';
import * as kit from '../../src/testing/index.ts';
import { acceptedValues } from '../misuse.ts';

type Anything = Record<string, (...args: unknown[]) => unknown>;
const any = observe as unknown as Anything;
const anyKit = kit as unknown as Anything;
const nothing = (): void => undefined;
const none = (): boolean => false;
/** A capture of no connection, ended at once. */
const captured = (...args: unknown[]): unknown => (any['capture']!(...args) as { stop(): unknown }).stop();

for (const [label, call, valid] of [
  ['capture(_, sink)', (value: unknown) => captured(value, nothing), ['function']],
  ['capture(predicate, _)', (value: unknown) => captured(none, value), ['function']],
  ['capture(predicate, sink, _)', (value: unknown) => captured(none, nothing, value), ['undefined', '{}']],
  [
    'capture(predicate, sink, { payloadBytes: _ })',
    (payloadBytes: unknown) => captured(none, nothing, { payloadBytes }),
    ['undefined', '0'],
  ],
  [
    'capture(predicate, sink, { maxBytes: _ })',
    (maxBytes: unknown) => captured(none, nothing, { maxBytes }),
    ['undefined'],
  ],
  [
    'capture(predicate, sink, { format: _ })',
    (format: unknown) => captured(none, nothing, { format }),
    ['undefined'],
  ],
  [
    'capture(predicate, sink, { signal: _ })',
    (signal: unknown) => captured(none, nothing, { signal }),
    ['undefined'],
  ],
  ['trail(_)', (value: unknown) => any['trail']!(value), []],
  ['inspect(_)', (value: unknown) => any['inspect']!(value), []],
  ['inspect(bytes, _)', (value: unknown) => any['inspect']!(Buffer.alloc(0), value), ['undefined', '{}']],
  [
    'inspect(bytes, { role: _ })',
    (role: unknown) => any['inspect']!(Buffer.alloc(0), { role }),
    ['undefined'],
  ],
  [
    'compareMemoryReports(_, report)',
    (value: unknown) => any['compareMemoryReports']!(value, { connections: [] }),
    [],
  ],
  ['readCapture(_)', (value: unknown) => anyKit['readCapture']!(value), []],
  ['replay(_)', (value: unknown) => anyKit['replay']!(value), []],
  [
    'replay(captured, { server: _ })',
    (server: unknown) => anyKit['replay']!({ frames: [], role: 'server', extensions: '' }, { server }),
    ['undefined'],
  ],
] as const) {
  test(`GN-05 LG-04: ${label} refuses every wrong value with a typed error`, async () => {
    assert.deepEqual(await acceptedValues(label, call), valid);
  });
}

test('GN-05 LG-04: pcapng needs the consent to whole payloads', () => {
  assert.throws(() => captured(none, nothing, { format: 'pcapng' }), /set payloadBytes: Infinity to agree/);
});
