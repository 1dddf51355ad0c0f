import type { LoadPlan } from '../../../src/load/index.ts';
import { answersIn, failuresIn, keptRate, noneLeft, undisturbed } from '../judge.ts';
import { count, type Scenario } from '../scenario.ts';
import type { Role } from '../server-settings.ts';

const KIB = 1_024;

interface Part {
  readonly name: string;
  readonly role: Role;
  readonly connections: number;
  readonly plan: Partial<LoadPlan>;
}

const binary = (bytes: number): LoadPlan['payload'] => ({ bytes, binary: true, multibyte: false });

/** All kinds of load at once. */
const partsOf = (connections: number, rate: number): readonly Part[] => [
  {
    name: 'small messages',
    role: 'echo',
    connections: Math.ceil(connections / 2),
    plan: { ratePerSecond: rate, payload: { bytes: 300, binary: false, multibyte: true } },
  },
  {
    name: '64 KiB',
    role: 'echo',
    connections: Math.ceil(connections / 20),
    plan: { ratePerSecond: rate / 20, payload: binary(64 * KIB) },
  },
  {
    name: '1 MiB',
    role: 'echo',
    connections: Math.ceil(connections / 100),
    plan: { ratePerSecond: Math.max(1, rate / 400), payload: binary(KIB * KIB) },
  },
  {
    name: 'compressed',
    role: 'deflate',
    connections: Math.ceil(connections / 10),
    plan: {
      ratePerSecond: rate / 20,
      compress: true,
      payload: { bytes: 2 * KIB, binary: false, multibyte: false, records: true },
    },
  },
  {
    name: 'broadcast',
    role: 'relay',
    connections: Math.ceil(connections / 3),
    plan: { mode: 'fan-out', ratePerSecond: Math.max(1, rate / 200), payload: binary(4 * KIB) },
  },
];

/** Small, large and compressed messages, broadcasts, and connections that come and go, all at once. */
export const mixed: Scenario = {
  name: 'mixed',
  summary: 'small, large and compressed messages, broadcasts and churn at once',
  defaults: { minutes: 5, connections: 400, rate: 1_000 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({
      server: { roles: ['echo', 'relay', 'deflate'], options: { maxConnections: 2 * connections + 200 } },
      clientProcesses: [{}, {}],
    });
    const parts = partsOf(connections, rate);
    const coming = stage.load('coming and going', 'echo', {
      mode: 'handshake',
      connections: 16,
      keep: Math.ceil(connections / 20),
      ratePerSecond: Math.max(2, connections / 40),
      durationMs,
    });
    const outcomes = await Promise.all(
      parts.map(({ name, role, connections: each, plan }, i) =>
        stage.load(name, role, { ...plan, connections: each, durationMs }, stage.clients[i % 2]),
      ),
    );
    const came = answersIn(await coming);
    const failed = failuresIn(await coming);
    return {
      criteria: [
        ...parts.flatMap(({ name, connections: each }, i) => undisturbed(name, outcomes[i]!, each)),
        count(
          'connections that come and go: none is refused or lost',
          `${came} came, ${failed} failed`,
          came > 0 && failed === 0,
        ),
        await noneLeft(stage),
        ...parts.flatMap(({ name }, i) => keptRate(name, outcomes[i]!)),
      ],
      figures: {
        ...Object.fromEntries(parts.map(({ name }, i) => [name, outcomes[i]!])),
        'coming and going': await coming,
      },
    };
  },
};
