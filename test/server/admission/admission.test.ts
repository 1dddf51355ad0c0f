import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Admission,
  type AdmissionLimits,
  type AdmissionRefusal,
  type Reservation,
} from '../../../src/server/admission/admission.ts';
import { systemClock } from '../../../src/engine/clock.ts';

/** A server's door with a clock that stands still until it is told. */
function open(limits: Partial<AdmissionLimits> = {}, criticalReserveRatio?: number) {
  const time = { nowMs: 5000 };
  const all: { -readonly [Name in keyof AdmissionLimits]: AdmissionLimits[Name] } = {
    maxConnections: 100,
    maxConnectionsPerIp: false,
    softLimitRatio: false,
    softLimitReleaseRatio: 0.7,
    loadControl: criticalReserveRatio === undefined ? false : { criticalReserveRatio },
    maxNewConnectionsPerMinute: false,
    maxNewConnectionsPerMinutePerIp: false,
    violationLimit: false,
    exemptAddresses: [],
    ipv6PrefixBits: 64,
    clock: { ...systemClock, now: () => time.nowMs },
    ...limits,
  };
  const admission = new Admission(all);
  const enter = (address: string): Reservation => {
    const result = admission.reserve(address);
    assert.ok(isHeld(result), `${address}: ${result.refused}`);
    return result;
  };
  const refused = (address: string) => admission.reserve(address).refused;
  return { admission, limits: all, time, enter, refused };
}

const isHeld = (result: Reservation | AdmissionRefusal): result is Reservation =>
  result.refused === undefined;

test('LM-01 a full server refuses clients, and a released place can be taken at once', () => {
  const { admission, enter, refused } = open({ maxConnections: 2 });
  const first = enter('192.0.2.1');
  enter('192.0.2.2');
  assert.equal(admission.isFull, true);
  assert.equal(refused('192.0.2.3'), 'ERR_SERVER_FULL');
  admission.release(first);
  assert.equal(admission.isFull, false);
  enter('192.0.2.3');
  assert.equal(admission.reserved, 2);
});

test('HS-20 a place is released exactly once', () => {
  const { admission, enter, refused } = open({ maxConnections: 3, maxConnectionsPerIp: 2 });
  const first = enter('192.0.2.1');
  const second = enter('192.0.2.1');
  for (let i = 0; i < 3; i++) admission.release(first);
  assert.equal(admission.reserved, 1);
  enter('192.0.2.1');
  assert.equal(refused('192.0.2.1'), 'ERR_IP_LIMIT');
  admission.release(second);
  assert.equal(admission.reserved, 1);
});

test('LM-03 connections are limited per address, for IPv6 per prefix', () => {
  const { admission, enter, refused } = open({ maxConnectionsPerIp: 1 });
  const first = enter('2001:db8::1');
  assert.equal(refused('2001:db8::2'), 'ERR_IP_LIMIT');
  enter('2001:db8:0:1::1');
  enter('192.0.2.1');
  assert.equal(refused('::ffff:192.0.2.1'), 'ERR_IP_LIMIT');
  admission.release(first);
  enter('2001:db8::2');
});

test('LM-05 the count of an address is removed at zero', () => {
  const { admission, enter } = open({ maxConnectionsPerIp: 2 });
  const held = ['192.0.2.1', '192.0.2.1', '__proto__', 'constructor'].map(enter);
  assert.equal(admission.addresses, 3);
  for (const reservation of held) admission.release(reservation);
  assert.equal(admission.addresses, 0);
  assert.equal(admission.reserved, 0);
});

test('PF-14 without limits per address no address is counted', () => {
  const { admission, enter } = open();
  enter('192.0.2.1');
  assert.equal(admission.addresses, 0);
});

test('RL-04 new connections per minute are limited per address', () => {
  const { admission, time, enter, refused } = open({ maxNewConnectionsPerMinutePerIp: 2 });
  for (let i = 0; i < 2; i++) admission.release(enter('192.0.2.1'));
  assert.equal(refused('192.0.2.1'), 'ERR_RATE_LIMIT');
  enter('192.0.2.2');
  time.nowMs += 29_999;
  assert.equal(refused('192.0.2.1'), 'ERR_RATE_LIMIT');
  time.nowMs += 1;
  enter('192.0.2.1');
  assert.equal(refused('192.0.2.1'), 'ERR_RATE_LIMIT');
  assert.equal(admission.reserved, 2);
});

test('RL-04 new connections per minute are limited for all addresses together', () => {
  const { time, enter, refused } = open({ maxNewConnectionsPerMinute: 2 });
  enter('192.0.2.1');
  enter('192.0.2.2');
  assert.equal(refused('192.0.2.3'), 'ERR_RATE_LIMIT');
  time.nowMs += 30_000;
  enter('192.0.2.3');
});

test('RL-04 a refusal takes no token from any bucket', () => {
  const { admission, enter, refused } = open({
    maxConnectionsPerIp: 1,
    maxNewConnectionsPerMinute: 3,
    maxNewConnectionsPerMinutePerIp: 2,
  });
  const held = enter('192.0.2.1');
  for (let i = 0; i < 9; i++) assert.equal(refused('192.0.2.1'), 'ERR_IP_LIMIT');
  admission.release(held);
  admission.release(enter('192.0.2.1'));
  for (let i = 0; i < 9; i++) assert.equal(refused('192.0.2.1'), 'ERR_RATE_LIMIT');
  enter('192.0.2.2');
  assert.equal(
    refused('192.0.2.3'),
    'ERR_RATE_LIMIT',
    'the rate of all is used up by the three that came in',
  );
});

test('HS-19 the total is checked before the count per address, and that before the rates', () => {
  const { admission, enter, refused } = open({
    maxConnections: 2,
    maxConnectionsPerIp: 1,
    maxNewConnectionsPerMinute: 2,
  });
  enter('192.0.2.1');
  const second = enter('192.0.2.2');
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL');
  admission.release(second);
  assert.equal(refused('192.0.2.1'), 'ERR_IP_LIMIT');
  assert.equal(refused('192.0.2.2'), 'ERR_RATE_LIMIT');
});

test('LM-04 exempt addresses pass the limits per address, but not the total and the total rate', () => {
  const limits = {
    maxConnectionsPerIp: 1,
    maxNewConnectionsPerMinutePerIp: 1,
    exemptAddresses: ['10.0.0.0/8'],
  };
  const { admission, enter, refused } = open({ ...limits, maxConnections: 3 });
  for (let i = 0; i < 3; i++) enter('10.0.0.1');
  assert.equal(admission.addresses, 0);
  assert.equal(refused('10.0.0.1'), 'ERR_SERVER_FULL');
  const rated = open({ ...limits, maxNewConnectionsPerMinute: 1 });
  rated.enter('10.0.0.1');
  assert.equal(rated.refused('10.0.0.1'), 'ERR_RATE_LIMIT');
});

test('LM-04 an exemptAddresses function that throws changes no count', () => {
  const { admission } = open({
    maxConnectionsPerIp: 1,
    exemptAddresses: () => {
      throw new RangeError('mine');
    },
  });
  assert.throws(() => admission.reserve('192.0.2.1'), RangeError);
  assert.equal(admission.reserved, 0);
  assert.equal(admission.addresses, 0);
});

test('LM-03 sockets without an address are not counted as one address', () => {
  const { enter } = open({ maxConnectionsPerIp: 1, maxNewConnectionsPerMinutePerIp: 1 });
  for (let i = 0; i < 3; i++) enter('');
});

test('HS-20 LM-05 any series of arrivals and departures keeps the counts of a plain list', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', '10.0.0.1', ''];
  const keyOf = (address: string) => (address.startsWith('2001') ? 'prefix' : address);
  const isCounted = (address: string) => address !== '' && address !== '10.0.0.1';
  const step = fc.oneof(
    fc.record({ arrive: fc.constantFrom(...addresses) }),
    fc.record({ depart: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { admission } = open({
        maxConnections: 6,
        maxConnectionsPerIp: 2,
        exemptAddresses: ['10.0.0.1'],
      });
      const issued: { address: string; reservation: Reservation; isIn: boolean }[] = [];
      const present = () => issued.filter(({ isIn }) => isIn);
      for (const each of steps) {
        if ('arrive' in each) {
          const { arrive: address } = each;
          const alike = present().filter((other) => keyOf(other.address) === keyOf(address)).length;
          const isFull = present().length >= 6;
          const expected = isFull
            ? 'ERR_SERVER_FULL'
            : isCounted(address) && alike >= 2
              ? 'ERR_IP_LIMIT'
              : undefined;
          const result = admission.reserve(address);
          assert.equal(result.refused, expected);
          if (isHeld(result)) issued.push({ address, reservation: result, isIn: true });
        } else if (issued[each.depart] !== undefined) {
          admission.release(issued[each.depart]!.reservation);
          issued[each.depart]!.isIn = false;
        }
        assert.equal(admission.reserved, present().length);
        const counted = present()
          .filter(({ address }) => isCounted(address))
          .map(({ address }) => keyOf(address));
        assert.equal(admission.addresses, new Set(counted).size);
      }
    }),
  );
});

test('LM-02 a place taken at or above 80 % is above the soft limit, until less than 70 % are taken', () => {
  const { admission, enter } = open({ maxConnections: 10, softLimitRatio: 0.8, softLimitReleaseRatio: 0.7 });
  const reports: boolean[] = [];
  admission.onSoftLimit = (isAbove) => void reports.push(isAbove);
  const held = Array.from({ length: 8 }, () => enter('192.0.2.1'));
  assert.equal(admission.isAboveSoftLimit, false, 'the place that reaches 80 %');
  held.push(enter('192.0.2.1'), enter('192.0.2.1'));
  assert.equal(admission.isAboveSoftLimit, true);
  const leave = (): void => admission.release(held.pop()!);
  leave();
  leave();
  leave();
  assert.equal(admission.isAboveSoftLimit, true, '70 %');
  leave();
  assert.equal(admission.isAboveSoftLimit, false);
  held.push(enter('192.0.2.1'), enter('192.0.2.1'));
  assert.equal(admission.isAboveSoftLimit, false, 'filling up again');
  held.push(enter('192.0.2.1'));
  assert.equal(admission.isAboveSoftLimit, true);
  assert.deepEqual(reports, [true, false, true]);
});

for (const [maxConnections, softLimitRatio, most] of [
  [10, 0.55, 6],
  [10, 0.5, 5],
  [4, 0.8, 4],
  [1, 0.8, 1],
] as const)
  test(`LM-02 of ${maxConnections} places, ${most} are not above a soft limit of ${softLimitRatio}: it is rounded up`, () => {
    const { admission, enter } = open({ maxConnections, softLimitRatio, softLimitReleaseRatio: 0.5 });
    for (let i = 0; i < most; i++) enter('192.0.2.1');
    assert.equal(admission.isAboveSoftLimit, false);
    if (most === maxConnections) return;
    enter('192.0.2.1');
    assert.equal(admission.isAboveSoftLimit, true);
  });

/** With six places taken: what changes, and whether they are above the soft limit then. */
const SOFT_LIMITS: readonly (readonly [change: Partial<AdmissionLimits>, isAbove: boolean])[] = [
  [{ softLimitRatio: 0.5 }, true],
  [{ maxConnections: 20 }, false],
  [{ maxConnections: 10 }, true],
  [{ softLimitRatio: 0.6 }, true],
  [{ softLimitReleaseRatio: 0.6 }, true],
  [{ softLimitRatio: 0.7, softLimitReleaseRatio: 0.7 }, false],
  [{ softLimitRatio: 0.6, softLimitReleaseRatio: 0.5 }, false],
  [{ softLimitRatio: 0.59 }, false],
  [{ softLimitRatio: 0.5 }, true],
  [{ softLimitRatio: false }, false],
];

test('CF-03 LM-02 a changed soft limit, or number of places, holds at once', () => {
  const { admission, limits, enter } = open({ maxConnections: 10, softLimitReleaseRatio: 0.4 });
  for (let i = 0; i < 6; i++) enter('192.0.2.1');
  for (const [change, isAbove] of SOFT_LIMITS) {
    Object.assign(limits, change);
    admission.settingsChanged();
    assert.equal(admission.isAboveSoftLimit, isAbove, JSON.stringify(change));
  }
});

test('CF-03 RL-05 a changed violationLimit refuses no address, and the total of refused addresses stays', () => {
  const { admission, limits, enter, refused } = open({ violationLimit: { perMinute: 1, refuseMs: 1_000 } });
  assert.equal(admission.violated('192.0.2.1'), true);
  assert.equal(refused('192.0.2.1'), 'ERR_VIOLATION_LIMIT');
  for (const violationLimit of [{ perMinute: 2, refuseMs: 1_000 }, false] as const) {
    limits.violationLimit = violationLimit;
    admission.settingsChanged();
    enter('192.0.2.1');
    assert.equal(admission.violated('192.0.2.1'), false);
    assert.deepEqual(admission.refusedAddresses, { now: 0, total: 1 });
  }
});

test('LM-02 without a soft limit a full server is not above it', () => {
  const { admission, enter } = open({ maxConnections: 2, softLimitRatio: false });
  enter('192.0.2.1');
  enter('192.0.2.1');
  assert.equal(admission.isAboveSoftLimit, false);
});

test('LC-04 kept places are for connections of priority critical', () => {
  const { admission, enter, refused } = open({ maxConnections: 10 }, 0.2);
  const ordinary = Array.from({ length: 8 }, () => enter('192.0.2.1'));
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL', 'no hook decides about the priority');
  assert.equal(admission.hasRoom, true, 'two places are left');
  const undecided = admission.reserve('192.0.2.1', true);
  assert.ok(isHeld(undecided));
  assert.equal(admission.reserved, 8, 'it counts when its priority is known');
  assert.equal(admission.decide(undecided, 'high')?.refused, 'ERR_SERVER_FULL');
  admission.release(undecided);
  assert.equal(admission.reserved, 8);
  const critical = [admission.reserve('192.0.2.1', true), admission.reserve('192.0.2.1', true)].filter(
    isHeld,
  );
  for (const each of critical) assert.equal(admission.decide(each, 'critical'), undefined);
  assert.equal(admission.isFull, true);
  assert.equal(admission.hasRoom, false);
  assert.equal(admission.reserve('192.0.2.1', true).refused, 'ERR_SERVER_FULL');
  admission.release(ordinary.pop()!);
  enter('192.0.2.1');
  admission.release(critical.pop()!);
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL');
});

test('LC-04 clients that are still asked who they are do not use up the kept places', () => {
  const { admission } = open({ maxConnections: 10 }, 0.2);
  const waiting = Array.from({ length: 50 }, () => admission.reserve('192.0.2.1', true)).filter(isHeld);
  assert.equal(waiting.length, 50);
  assert.equal(admission.reserved, 8);
  const last = waiting.pop()!;
  assert.equal(admission.decide(last, 'critical'), undefined);
  assert.equal(admission.reserved, 9);
  admission.release(waiting.shift()!);
  const next = waiting.pop()!;
  assert.equal(admission.decide(next, 'normal'), undefined, 'an ordinary place became free meanwhile');
  for (const each of [...waiting, last, next]) admission.release(each);
  assert.equal(admission.reserved, 0);
});

test('LC-04 a connection of priority critical in an ordinary place frees that place', () => {
  const { admission, enter, refused } = open({ maxConnections: 10 }, 0.2);
  const held = Array.from({ length: 8 }, () => enter('192.0.2.1'));
  admission.prioritize(held[0]!, 'critical');
  admission.prioritize(held[0]!, 'critical');
  held.push(enter('192.0.2.1'));
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL');
  admission.prioritize(held[0]!, 'low');
  admission.release(held[1]!);
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL', 'eight ordinary connections are left');
  admission.release(held[2]!);
  enter('192.0.2.1');
  admission.prioritize(held[1]!, 'critical');
  assert.equal(admission.reserved, 8, 'a released place stays released');
});

test('LC-04 property: kept places are never used by others, and counts return to zero', () => {
  const step = fc.record({
    what: fc.constantFrom('reserve', 'decide', 'prioritize', 'release'),
    at: fc.nat(40),
    priority: fc.constantFrom('critical' as const, 'high' as const, 'normal' as const, 'low' as const),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.double({ min: 0, max: 0.9, noNaN: true }),
      fc.array(step),
      (max, ratio, steps) => {
        const { admission } = open({ maxConnections: max, maxConnectionsPerIp: 1_000 }, ratio);
        const held: Reservation[] = [];
        const lowered = new Set<Reservation>();
        for (const { what, at, priority } of steps) {
          const chosen = held[at % Math.max(1, held.length)];
          const before = chosen?.kind;
          if (what === 'reserve') {
            const reservation = admission.reserve('192.0.2.1', true);
            if (isHeld(reservation)) held.push(reservation);
          } else if (chosen === undefined) continue;
          else if (what === 'release') admission.release(held.splice(held.indexOf(chosen), 1)[0]!);
          else if (what === 'prioritize') admission.prioritize(chosen, priority);
          else if (admission.decide(chosen, priority) !== undefined)
            admission.release(held.splice(held.indexOf(chosen), 1)[0]!);
          // It keeps its place, even if no ordinary one is free.
          if (before === 'critical' && chosen?.kind === 'ordinary') lowered.add(chosen);
          if (chosen?.kind === 'critical') lowered.delete(chosen);
          const ordinary = held.filter((each) => each.kind === 'ordinary' && !lowered.has(each)).length;
          const taken = held.filter((each) => each.kind !== 'undecided').length;
          assert.equal(admission.reserved, taken);
          assert.ok(taken <= max);
          assert.ok(ordinary <= max - Math.round(max * ratio));
        }
        for (const each of held) admission.release(each);
        assert.deepEqual(
          [admission.reserved, admission.addresses, admission.isAboveSoftLimit],
          [0, 0, false],
        );
      },
    ),
    {
      examples: [
        [
          1,
          0.5,
          [
            { what: 'reserve', at: 0, priority: 'normal' },
            { what: 'decide', at: 0, priority: 'critical' },
            { what: 'decide', at: 0, priority: 'low' },
          ],
        ],
      ],
    },
  );
});
