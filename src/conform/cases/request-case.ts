import type { RequestCase } from '../case.ts';
import type { Verdict } from '../model.ts';
import type { RequestSpec } from '../request.ts';

type Runs = readonly RequestSpec[];
export const request = (id: string, section: string, title: string, runs: Runs): RequestCase => ({
  kind: 'request',
  id: `handshake.${id}`,
  section,
  title,
  runs: runs.map((run) => ({ ...run, label: run.label ?? labelOf(run) })),
});
export function labelOf({ method, version, fields, lines }: RequestSpec): string {
  const parts = [
    method,
    version,
    ...Object.entries(fields ?? {}).map(([name, value]) =>
      value === undefined ? `no ${name}` : `${name}: ${[value].flat().join(' | ').slice(0, 60)}`,
    ),
    ...(lines ?? []).map((line) => line.slice(0, 60)),
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** The server must accept each request. @param refused Verdict if it refuses. */
export const accepts = (runs: Runs, refused: Verdict = 'fail'): Runs =>
  runs.map((run) => ({ ...run, expects: { status: 101, refused } }));
/** The server must refuse each request. @param status Allowed statuses. @param accepted Verdict if it accepts. */
export const refuses = (runs: Runs, status: readonly number[] = [400], accepted: Verdict = 'fail'): Runs =>
  runs.map((run) => ({ ...run, expects: { status, accepted } }));
export const field = (name: string, ...values: (string | readonly string[] | undefined)[]): RequestSpec[] =>
  values.map((value) => ({ fields: { [name]: value } }));
/** Allows any status except 101. */
export const ANY_STATUS: readonly number[] = [];

export const KEY = 'Sec-WebSocket-Key';
export const EXTENSIONS = 'Sec-WebSocket-Extensions';
export const PROTOCOL = 'Sec-WebSocket-Protocol';
