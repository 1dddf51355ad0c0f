import type { RequestCase } from '../case.ts';
import { EXTENSIONS, field, labelOf, ANY_STATUS, PROTOCOL, refuses } from './request-case.ts';

/** Request heads that could exhaust memory or time. */
export const handshakeAttacks = (): readonly RequestCase[] => [
  {
    kind: 'request',
    id: 'attack.head.size',
    section: '§10.4',
    title: 'The server refuses a head of 64 KiB',
    runs: refuses(
      [{ lines: [`X-Long: ${'x'.repeat(65_536)}`], label: '64 KiB in one field' }],
      [431, 400, 413, 414],
      'informational',
    ),
  },
  {
    kind: 'request',
    id: 'attack.head.fields',
    section: '§10.4',
    title: 'The server refuses a head of 2,001 fields',
    runs: refuses(
      [
        { lines: Array.from({ length: 2_001 }, (_, i) => `X-${i}: 1`), label: '2,001 names' },
        { lines: Array.from({ length: 2_001 }, () => 'X-Same: 1'), label: 'one name' },
      ],
      [431, 400, 413],
      'informational',
    ),
  },
  {
    kind: 'request',
    id: 'attack.head.lists',
    section: '§9.1',
    title: 'The server answers long lists in time',
    runs: refuses(
      [
        ...field(
          EXTENSIONS,
          `a${','.repeat(8_000)}`,
          `a${';'.repeat(8_000)}`,
          `a; b="${'\\"'.repeat(4_000)}`,
          `a${' '.repeat(8_000)}b`,
        ),
        ...field(PROTOCOL, `a${','.repeat(8_000)}`, `a${' '.repeat(8_000)}b`),
        ...field('Connection', `Upgrade${','.repeat(8_000)}x y`),
      ].map((run) => ({ ...run, label: labelOf(run) })),
      ANY_STATUS,
      'pass',
    ),
  },
];
