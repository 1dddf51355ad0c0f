import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FULL_QUALITY, LiveSettings, type Quality } from '../../src/options/live-settings.ts';
import { resolveServerOptions, type ServerOptions } from '../../src/options/resolve-server-options.ts';

const REDUCED: Quality = { intervalFactor: 2, highWaterMarkFactor: 0.5, compresses: false };

test('CF-03: a value that is configured at reduced quality is reduced, and full quality gives exactly what is configured', () => {
  const live = new LiveSettings(resolveServerOptions());
  const { inForce } = live;
  live.setQuality(REDUCED);
  const values = () => [inForce.pingIntervalMs, inForce.idleTimeoutMs, inForce.highWaterMarkBytes];
  assert.deepEqual(values(), [60_000, 120_000, 131_072]);
  live.configure(
    resolveServerOptions({ pingIntervalMs: 15_000, idleTimeoutMs: false, highWaterMarkBytes: 1 }),
  );
  assert.deepEqual(values(), [30_000, false, 1]);
  assert.equal(live.configured.pingIntervalMs, 15_000);
  live.setQuality(FULL_QUALITY);
  assert.deepEqual(values(), [15_000, false, 1]);
  assert.equal(live.inForce, inForce, 'connections keep this object');
});

const options = fc.record({
  pingIntervalMs: fc.integer({ min: 20_000, max: 1_000_000_000 }),
  idleTimeoutMs: fc.oneof(fc.constant(false as const), fc.integer({ min: 1_000_000_001, max: 2 ** 31 - 1 })),
  highWaterMarkBytes: fc.integer({ min: 1, max: 1_048_576 }),
}) satisfies fc.Arbitrary<ServerOptions>;
const quality = fc.record({
  intervalFactor: fc.constantFrom(1, 1.5, 2, 4),
  highWaterMarkFactor: fc.constantFrom(1, 0.5, 0.25),
  compresses: fc.boolean(),
});

test('CF-03: settings depend on the last configuration and the last quality alone, and stay within the range of an option', () => {
  const step = fc.oneof(fc.record({ options }), fc.record({ quality }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), options, quality, (steps, last, lastQuality) => {
      const live = new LiveSettings(resolveServerOptions());
      for (const each of steps)
        if ('quality' in each) live.setQuality(each.quality);
        else live.configure(resolveServerOptions(each.options));
      live.configure(resolveServerOptions(last));
      live.setQuality(lastQuality);
      const once = new LiveSettings(resolveServerOptions(last));
      once.setQuality(lastQuality);
      assert.deepEqual({ ...live.inForce }, { ...once.inForce });
      assert.doesNotThrow(() => {
        const { pingIntervalMs, highWaterMarkBytes, idleTimeoutMs } = live.inForce;
        resolveServerOptions({ heartbeat: false, pingIntervalMs, highWaterMarkBytes, idleTimeoutMs });
      });
    }),
  );
});
