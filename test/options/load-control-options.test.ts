import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOAD_SIGNALS } from '../../src/observe/load-control/signals.ts';
import {
  ALERT_TABLE,
  BREAKER_TABLE,
  DEFAULT_LOAD_CONTROL,
  LOAD_CONTROL_TABLE,
} from '../../src/options/load-control-options.ts';
import { refusal, resolve } from './option-cases.ts';

const settingsOf = (loadControl: unknown) => resolve({ loadControl }).loadControl;

test('LC-01 load control is off by default; true and {} mean the documented defaults', () => {
  assert.equal(resolve({}).loadControl, false);
  assert.equal(settingsOf(false), false);
  for (const value of [true, {}, { shed: undefined }])
    assert.deepEqual(settingsOf(value), {
      sampleIntervalMs: 1_000,
      eventLoopDelayMs: [10, 50],
      loopUtilization: [0.8, 0.95],
      heapRatio: [0.75, 0.85],
      rssRatio: [0.75, 0.85],
      cpuRatio: [0.7, 0.9],
      budgetRatio: [0.5, 0.9],
      connectionsRatio: [0.8, 0.95],
      probe: undefined,
      quality: true,
      shed: true,
      criticalReserveRatio: 0,
      breaker: { minHandshakes: 20, failureRatio: 0.5, openMs: 5_000, trials: 5 },
      alerts: {
        connectionsRatio: 0.8,
        handlerTimeRatio: 1.5,
        cpuRatio: 0.8,
        memoryRatio: 0.9,
        errorRatio: 0.01,
      },
    });
  for (const signal of LOAD_SIGNALS) assert.ok(Array.isArray(DEFAULT_LOAD_CONTROL[signal]), signal);
});

test('LC-01 LC-04 LC-07 LC-08 each option is read, and lists are frozen copies', () => {
  const given = [0.2, 0.4];
  const settings = settingsOf({
    sampleIntervalMs: 250,
    heapRatio: given,
    cpuRatio: [0.5, 4],
    rssRatio: false,
    quality: false,
    shed: false,
    criticalReserveRatio: 0.1,
    breaker: { trials: 1 },
    alerts: { cpuRatio: false, errorRatio: 0.5 },
  });
  assert.ok(settings !== false);
  given[0] = 0.9;
  assert.deepEqual(settings.heapRatio, [0.2, 0.4]);
  assert.ok(Object.isFrozen(settings) && Object.isFrozen(settings.heapRatio));
  assert.deepEqual([settings.sampleIntervalMs, settings.cpuRatio, settings.rssRatio], [250, [0.5, 4], false]);
  assert.deepEqual([settings.quality, settings.shed, settings.criticalReserveRatio], [false, false, 0.1]);
  assert.deepEqual(settings.breaker, { minHandshakes: 20, failureRatio: 0.5, openMs: 5_000, trials: 1 });
  const { alerts } = settings;
  assert.ok(alerts !== false);
  assert.deepEqual([alerts.cpuRatio, alerts.errorRatio, alerts.memoryRatio], [false, 0.5, 0.9]);
  const off = settingsOf({ breaker: false, alerts: false });
  assert.ok(off !== false);
  assert.deepEqual([off.breaker, off.alerts], [false, false]);
});

test('GN-05 LC-01 the error for a wrong value of loadControl names the option and what is allowed', () => {
  const rows = [
    [1, /^loadControl is 1; it must be true, false, or an object of its options$/],
    [[], /^loadControl is an array; /],
    [
      { heapratio: false },
      /^there is no option loadControl\.heapratio .* the nearest is loadControl\.heapRatio$/,
    ],
    [{ sampleIntervalMs: 50 }, /^loadControl\.sampleIntervalMs is 50; .* from 100 to 60000$/],
    [
      { heapRatio: 0.5 },
      /^loadControl\.heapRatio is 0\.5; it must be \[elevated, critical\], two numbers above 0 and up to 1/,
    ],
    [{ heapRatio: [0.5] }, /^loadControl\.heapRatio is an array; /],
    [{ heapRatio: [0.8, 0.5] }, /^loadControl\.heapRatio is an array; /],
    [{ heapRatio: [0.5, 0.5] }, /^loadControl\.heapRatio /],
    [{ heapRatio: [0, 0.5] }, /^loadControl\.heapRatio /],
    [{ heapRatio: [0.5, 1.1] }, /^loadControl\.heapRatio /],
    [{ heapRatio: [0.1, 0.2, 0.3] }, /^loadControl\.heapRatio /],
    [{ heapRatio: [Number.NaN, 0.5] }, /^loadControl\.heapRatio /],
    [{ heapRatio: ['0.1', 0.5] }, /^loadControl\.heapRatio /],
    [{ heapRatio: true }, /^loadControl\.heapRatio is true; /],
    [{ eventLoopDelayMs: [10, 60_001] }, /^loadControl\.eventLoopDelayMs .* up to 60000/],
    [{ probe: {} }, /^loadControl\.probe is an object; it must be a function$/],
    [{ shed: 1 }, /^loadControl\.shed is 1; it must be true or false$/],
    [{ quality: 'full' }, /^loadControl\.quality is "full"; /],
    [
      { criticalReserveRatio: 0.95 },
      /^loadControl\.criticalReserveRatio is 0\.95; it must be a number from 0 to 0\.9$/,
    ],
    [{ criticalReserveRatio: -0.1 }, /^loadControl\.criticalReserveRatio /],
    [{ criticalReserveRatio: Number.NaN }, /^loadControl\.criticalReserveRatio /],
    [{ breaker: 5 }, /^loadControl\.breaker is 5; it must be true, false, or an object/],
    [
      { breaker: { trials: 0 } },
      /^loadControl\.breaker\.trials is 0; it must be a whole number from 1 to 1000$/,
    ],
    [
      { breaker: { failureRate: 1 } },
      /^there is no option loadControl\.breaker\.failureRate .* nearest is loadControl\.breaker\.failureRatio$/,
    ],
    [{ alerts: null }, /^loadControl\.alerts is null; /],
    [
      { alerts: { cpuRatio: 0 } },
      /^loadControl\.alerts\.cpuRatio is 0; it must be a number from 0\.01 to 1000, or false/,
    ],
    [
      { alerts: { memory: 1 } },
      /^there is no option loadControl\.alerts\.memory .* nearest is loadControl\.alerts\.memoryRatio$/,
    ],
  ] as const;
  for (const [loadControl, says] of rows) assert.match(refusal({ loadControl }), says);
});

test('EX-04 LC-01 the doc comment of each option of loadControl names its default and range', () => {
  const path = join(import.meta.dirname, '../../../src/options/load-control-options.ts');
  const source = readFileSync(path, 'utf8');
  const english = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 4 });
  const tables = [
    ['LoadControlOptions', LOAD_CONTROL_TABLE],
    ['BreakerOptions', BREAKER_TABLE],
    ['AlertOptions', ALERT_TABLE],
  ] as const;
  for (const [type, table] of tables) {
    const body = new RegExp(String.raw`interface ${type} \{([\s\S]*?)\n\}`).exec(source)![1]!;
    for (const [name, rule] of Object.entries(table)) {
      const doc = new RegExp(String.raw`/\*\*((?:[^*]|\*(?!/))*)\*/\s*readonly ${name}\?:`)
        .exec(body)![1]!
        .replaceAll(/\s*\n\s*\*\s*/g, ' ');
      assert.match(doc, /Default/, name);
      if ('upTo' in rule) {
        const shown = `Default \`[${(DEFAULT_LOAD_CONTROL[name as 'heapRatio'] as readonly number[]).join(', ')}]\`; up to ${english(rule.upTo)}, or \`false\``;
        assert.ok(doc.includes(shown), `${name}: ${shown}`);
      } else if ('max' in rule)
        assert.ok(doc.includes(`${english(rule.min)} to ${english(rule.max)}`), `${name}: ${doc}`);
    }
  }
});
