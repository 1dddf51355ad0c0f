import { fencesOf } from '../docs/fences.ts';
import type { Frame, Step, Vector } from './vectors.ts';

const named = (json: string): Frame =>
  JSON.parse(json, (key, value: unknown) =>
    (key === 'epoch' && value !== 'before') || key === 'connection'
      ? `$${String(value)}`
      : value === '…'
        ? '$'
        : value,
  ) as Frame;

/** The conversations of docs/hawser-v1.md. Epochs and ids of connections are the server's choice, so they become names. */
export const CONVERSATIONS: readonly Vector[] = fencesOf('docs/hawser-v1.md')
  .filter(({ language }) => language === 'text')
  .map(({ key, code }) => {
    let client = 'a';
    const steps = code
      .trimEnd()
      .split('\n')
      .map((line): Step => {
        const [, kind = '', rest = ''] = /^(\w+)(?:: (.*))?$/.exec(line) ?? [];
        if (kind === 'client') return { client, sends: named(rest) };
        if (kind === 'server') return { client, gets: named(rest) };
        if (kind === 'disconnected') {
          const gone = client;
          client = 'b';
          return { client: gone, leaves: true };
        }
        const [, topic = '', data = ''] = /^(\S+) (".*")$/.exec(rest) ?? [];
        if (kind !== 'publish' || topic === '') throw new Error(`${key}: ${line}`);
        return { server: 'publish', topic, data: JSON.parse(data) as string };
      });
    return { title: key, server: { allow: ['news'], history: [{ match: 'news' }] }, steps };
  });
