import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { acceptValue, listMembers } from '../protocol/index.ts';
import type { ResponseHead } from '../testing/index.ts';
import type { FrameSpec, Target, Verdict } from './model.ts';

/** Replaces secrets in reports. */
const HIDDEN = '***';

/** An upgrade request, correct except for these members, and the expected response. */
export interface RequestSpec {
  readonly label?: string;
  /** Default `GET`. */
  readonly method?: string;
  /** Default `HTTP/1.1`. */
  readonly version?: string;
  /** Makes the request target from the path with its query. Default: the path. */
  readonly target?: (path: string, authority: string) => string;
  /** Replaces fields by name: `undefined` removes a field, a list repeats it. A `*` stands for the ordinary value. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Further lines, unchecked, before the empty line. */
  readonly lines?: readonly string[];
  /** Changes the text of the whole head before it is sent. */
  readonly rewrite?: (head: string) => string;
  /** Bytes per write. Default: one write. */
  readonly cutBytes?: number;
  /** Sent in the same write, after the head. */
  readonly behind?: readonly FrameSpec[] | string;
  readonly expects?: RequestExpectation;
}

export type RequestExpectation =
  /** The server must accept. `refused` is the verdict if it does not. */
  | { readonly status: 101; readonly refused: Verdict; readonly echo?: true; readonly declines?: true }
  /**
   * The server must answer with one of `status`, or, if empty, with any status except 101. `accepted` is the verdict
   * for 101.
   */
  | { readonly status: readonly number[]; readonly accepted: Verdict; readonly names?: string };

export const newKey = (): string => randomBytes(16).toString('base64');

/** The target for transcripts, without the query and the values of its headers. */
export function withoutSecrets(target: Target): Target {
  const url = new URL(target.url);
  if (url.search !== '') url.search = HIDDEN;
  return { ...target, url, headers: target.headers.map(([name]) => [name, HIDDEN]) };
}

/** Builds the request head. */
export function encodeRequest(spec: RequestSpec, target: Target, key: string): Buffer {
  const { method = 'GET', version = 'HTTP/1.1', fields = {}, lines = [] } = spec;
  const path = `${target.url.pathname}${target.url.search}`;
  const requestTarget = spec.target?.(path, target.url.host) ?? path;
  const ordinary: [string, string][] = [
    ['Host', target.url.host],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', key],
    ['Sec-WebSocket-Version', '13'],
    ...(target.protocols.length === 0
      ? []
      : [['Sec-WebSocket-Protocol', target.protocols.join(', ')] as [string, string]]),
    ...target.headers.map(([name, value]): [string, string] => [name, value]),
  ];
  const replaced = new Map(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
  const all = ordinary.filter(([name]) => !replaced.has(name.toLowerCase()));
  for (const [name, value] of Object.entries(fields)) {
    const usual = ordinary.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1] ?? '';
    for (const one of value === undefined ? [] : [value].flat()) all.push([name, one.replaceAll('*', usual)]);
  }
  const head = [
    `${method} ${requestTarget} ${version}`,
    ...all.map(([name, value]) => `${name}: ${value}`),
    ...lines,
  ]
    .map((line) => `${line}\r\n`)
    .join('');
  return Buffer.from(spec.rewrite?.(`${head}\r\n`) ?? `${head}\r\n`, 'latin1');
}

/** The members of a list field, without empty ones (RFC 9110 §5.6.1.2). */
const members = (value: string | undefined): string[] =>
  listMembers(value ?? '').map((one) => one.toLowerCase());
const count = (head: ResponseHead, name: string): number =>
  head.raw.toLowerCase().split(`\r\n${name}:`).length - 1;

/** Checks a 101 (§4.1, §4.2.2). @returns The fault, if any. */
export function faultOfAcceptance(
  head: ResponseHead,
  key: string,
  protocols: readonly string[],
  extensions: string | undefined,
): string | undefined {
  const { fields } = head;
  if (head.version !== 'HTTP/1.1') return `the response has version ${head.version}`;
  if (members(fields.get('upgrade')).join() !== 'websocket') return 'the response lacks Upgrade: websocket';
  if (!members(fields.get('connection')).includes('upgrade')) return 'the response lacks Connection: Upgrade';
  const accept = fields.get('sec-websocket-accept');
  if (accept !== acceptValue(key))
    return `Sec-WebSocket-Accept is ${accept ?? 'missing'}, not ${acceptValue(key)}`;
  const framing = ['content-length', 'transfer-encoding'].find((name) => fields.has(name));
  // A 101 has no body: only frames follow it (RFC 9110 §8.6, RFC 9112 §6.1).
  if (framing !== undefined) return `the response has ${framing}, which is not allowed in a 101`;
  for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions']) {
    if (count(head, name) > 1) return `${name} occurs more than once`;
  }
  const protocol = listMembers(fields.get('sec-websocket-protocol') ?? '').join(', ');
  if (protocol !== '' && !protocols.includes(protocol)) {
    return `the response chooses the subprotocol '${protocol}', which was not offered`;
  }
  const extension = fields.get('sec-websocket-extensions');
  if (extension === undefined) return undefined;
  const offered = new Set(members(extensions).map((one) => one.split(';', 1)[0]!.trim()));
  const foreign = members(extension).find((one) => !offered.has(one.split(';', 1)[0]!.trim()));
  return foreign === undefined
    ? undefined
    : `the response uses the extension '${foreign}', which was not offered`;
}
