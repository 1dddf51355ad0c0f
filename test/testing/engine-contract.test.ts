import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { type HubEngine, TopicHub } from '../../fuzz/topic-hub.ts';
import type { Batch, Engine, Published } from '../../src/cluster/engine.ts';
import { LocalEngine } from '../../src/cluster/engines/local.ts';
import { engineContract, type EngineContractOptions, VirtualClock } from '../../src/testing/index.ts';

const local = (): readonly [() => Engine, EngineContractOptions] => [
  () => new LocalEngine(),
  { joins: false, clock: new VirtualClock() },
];

for (const { title, run } of engineContract(...local())) test(`SC-01 local: ${title}`, run);

/** Engines of a scope share a hub. */
function hubs(): readonly [(scope: string) => HubEngine, EngineContractOptions] {
  const clock = new VirtualClock();
  const byScope = new Map<string, TopicHub>();
  return [
    (scope) => {
      const hub = byScope.get(scope) ?? new TopicHub(clock, prng(1));
      byScope.set(scope, hub);
      return hub.engine();
    },
    {
      clock,
      disconnect: (engine) => {
        (engine as HubEngine).cut();
        clock.setTimer(() => (engine as HubEngine).connect(), 20);
      },
    },
  ];
}

// The hub of the model test keeps messages without bounds of bytes and time.
const UNBOUNDED = /maxBytes|expire|was lost/;
for (const { title, run } of engineContract(...hubs()))
  if (!UNBOUNDED.test(title)) test(`SC-01 two nodes: ${title}`, run);

test('SC-01 the contract finds an engine that stores a batch twice, and one that skips an offset', async () => {
  class Forgetful extends LocalEngine {
    override publish(batch: Batch): Promise<Published | undefined> {
      return super.publish({ ...batch, node: 'another', seq: this.#next++ });
    }
    #next = 1;
  }
  class Skipping extends LocalEngine {
    override async publish(batch: Batch): Promise<Published | undefined> {
      const published = await super.publish(batch);
      return published && { ...published, first: published.first + 1 };
    }
  }
  for (const makeEngine of [() => new Forgetful(), () => new Skipping()]) {
    const failed: string[] = [];
    for (const { title, run } of engineContract(makeEngine, local()[1]))
      await run().catch(() => failed.push(title));
    assert.ok(failed.length > 0 && failed.length < 12, failed.join('\n'));
  }
});

test('GN-05 engineContract refuses what it does not know', () => {
  assert.throws(() => engineContract(undefined as never), { code: 'ERR_ARGUMENT' });
  assert.throws(() => engineContract(() => new LocalEngine(), { clocks: 1 } as never), {
    code: 'ERR_OPTION',
  });
});
