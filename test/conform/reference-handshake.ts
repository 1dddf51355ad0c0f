import { parseExtensions } from '../../src/protocol/handshake/extension-list.ts';

/** The negotiated parameters of compression that this server needs. */
export interface Negotiated {
  readonly serverMaxWindowBits: number;
}
export interface Answered {
  readonly accepted: boolean;
  readonly response: string;
  readonly negotiated?: Negotiated;
}

const refused = (status: string, more = ''): Answered => ({
  accepted: false,
  response: `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n${more}\r\n`,
});
const members = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.split(',').map((one) => one.trim()));

/** Checks a request head by §4.2.1, except for the check that the fault disables. */
export function answerTo(head: string, fault: string, acceptOf: (key: string) => string): Answered {
  const bad = refused('400 Bad Request');
  const [line = '', ...lines] = head.replace(/^\r\n/, '').split('\r\n');
  const request = /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(line);
  if (request === null) return bad;
  const [, method, target = '', version] = request;
  if (method !== 'GET' && fault !== 'accepts-methods') return bad;
  if (version !== 'HTTP/1.1' && !(version === 'HTTP/1.0' && fault === 'accepts-http-1.0')) return bad;
  if (!/^(?:\/|https?:)[^#]*$/.test(target)) return bad;
  const fields = new Map<string, string[]>();
  for (const one of lines) {
    // eslint-disable-next-line no-control-regex
    const field = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\0-\x08\x0a-\x1f\x7f]*?)[ \t]*$/.exec(one);
    if (field === null) return bad;
    const name = field[1]!.toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), field[2]!]);
  }
  const values = (name: string): string[] => fields.get(name) ?? [];
  const has = (name: string, token: string): boolean =>
    members(values(name)).some((one) => (fault === 'exact-tokens' ? one : one.toLowerCase()) === token);
  if (head.length > 16_384 || lines.length > 100) return refused('431 Too Much');
  if (values('host').length !== 1 && fault !== 'accepts-no-host') return bad;
  if (values('content-length').length + values('transfer-encoding').length > 0) return bad;
  if (!has('upgrade', 'websocket') && fault !== 'accepts-no-upgrade') return bad;
  if (
    !has('connection', fault === 'exact-tokens' ? 'Upgrade' : 'upgrade') &&
    fault !== 'accepts-no-connection'
  )
    return bad;
  const versions = values('sec-websocket-version');
  if (versions.length !== 1) return bad;
  const twelve = versions[0] === '12' && fault === 'accepts-version-12';
  if (versions[0] !== '13' && !twelve) {
    return refused(
      '426 Upgrade Required',
      fault === 'names-no-version' ? '' : 'Sec-WebSocket-Version: 13\r\n',
    );
  }
  const keys = values('sec-websocket-key');
  const [key = ''] = keys;
  if (keys.length > 1 && fault !== 'accepts-two-keys') return bad;
  if (key === '' ? fault !== 'accepts-no-key' : !/^[\w+/]{22}==$/.test(key) && fault !== 'accepts-bad-key')
    return bad;

  const protocols = values('sec-websocket-protocol');
  const chosen = fault === 'chooses-unoffered' ? 'chat' : undefined;
  if (protocols.length > 0 && members(protocols).some((one) => !/^[!#$%&'*+.^_`|~\w-]+$/.test(one)))
    return bad;
  const compression = agreed(values('sec-websocket-extensions').join(', '), fault);
  if (compression === undefined) return bad;
  const accept = acceptOf(fault === 'wrong-accept' ? `${key} ` : key);
  const extension = fault === 'extends-unasked' ? 'x-unasked' : compression.answer;
  return {
    accepted: true,
    ...(compression.negotiated === undefined ? {} : { negotiated: compression.negotiated }),
    response: [
      `HTTP/1.1 ${fault === 'wrong-status' ? '200 OK' : '101 Switching Protocols'}`,
      ...(fault === 'answers-without-upgrade' ? [] : ['Upgrade: websocket']),
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
      ...(fault === 'sends-a-length' ? ['Content-Length: 0'] : []),
      ...(chosen === undefined ? [] : [`Sec-WebSocket-Protocol: ${chosen}`]),
      ...(extension === undefined ? [] : [`Sec-WebSocket-Extensions: ${extension}`]),
      '\r\n',
    ].join('\r\n'),
  };
}

/** The first offer that this server supports; `undefined` if the list breaks the grammar. */
function agreed(list: string, fault: string): { answer?: string; negotiated?: Negotiated } | undefined {
  if (list === '') return {};
  let offers;
  try {
    offers = parseExtensions(list);
  } catch {
    return fault === 'accepts-bad-extensions' ? {} : undefined;
  }
  const offer = offers.find(({ name, params }) => {
    const names = new Set(params.map(([param]) => param));
    const fits = ([param, value]: readonly [string, string | true]): boolean =>
      /^(?:server|client)_no_context_takeover$/.test(param)
        ? value === true
        : param === 'client_max_window_bits'
          ? value === true || /^(?:[89]|1[0-5])$/.test(value)
          : param === 'server_max_window_bits' && value !== true && /^(?:9|1[0-5])$/.test(value);
    return (
      name === 'permessage-deflate' &&
      ((names.size === params.length && params.every(fits)) || fault === 'accepts-bad-offers')
    );
  });
  if (offer === undefined) return {};
  const bits = offer.params.find(([name]) => name === 'server_max_window_bits')?.[1];
  const asks = offer.params.some(([name]) => name === 'server_no_context_takeover');
  const forgets = fault === 'forgets-context';
  return {
    answer: [
      'permessage-deflate',
      ...(forgets && !asks ? [] : ['server_no_context_takeover']),
      ...(forgets ? [] : ['client_no_context_takeover']),
      ...(bits === undefined || bits === true ? [] : [`server_max_window_bits=${bits}`]),
    ].join('; '),
    negotiated: { serverMaxWindowBits: Number(bits ?? 15) || 15 },
  };
}
