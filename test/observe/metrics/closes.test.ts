import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/engine/clock.ts';
import { ServerCounts } from '../../../src/observe/metrics/server-counts.ts';
import type { ObservedConnection } from '../../../src/observe/observer.ts';
import type { CloseInfo } from '../../../src/protocol/close-info.ts';

const CONNECTION = { connectedAtMs: 0 } as ObservedConnection;

test('MT-01: closes that follow each other count by their own code and cause, whatever the one before was', () => {
  const counts = new ServerCounts(systemClock);
  const closed = (code: number, cause: CloseInfo['cause'], sentCode: number | undefined = code): void =>
    counts.closed(CONNECTION, { code, cause, sentCode, reason: '', wasClean: true, initiator: 'remote' });
  for (let i = 0; i < 3; i++) closed(1_000, 'peer-close');
  closed(1_000, 'local-close');
  closed(1_001, 'local-close');
  closed(1_001, 'local-close', 1_000);
  closed(1_001, 'protocol-error', 1_001);
  closed(1_001, 'protocol-error', 1_000);
  closed(1_000, 'peer-close');
  assert.deepEqual({ ...counts.closes.by(0) }, { 1000: 5, 1001: 4 });
  assert.deepEqual({ ...counts.closes.by(1) }, { 'peer-close': 4, 'local-close': 3, 'protocol-error': 2 });
  // The third label is that of the metrics: a code that nobody asked for is `other`.
  assert.deepEqual({ ...counts.closes.by(2) }, { 1000: 5, 1001: 3, other: 1 });
});
