import type { UpgradeRequest } from '../../../src/options/hooks.ts';
import { type OriginSubject, originPolicy } from '../../../src/server/admission/policies.ts';
import type { AllowedOrigins } from '../../../src/options/origins.ts';

export const request: UpgradeRequest = {
  method: 'GET',
  url: new URL('https://good.com/'),
  headers: {},
  rawHeaders: [],
};
export const subject = (origins: string[], host = 'good.com', secure = true): OriginSubject => ({
  origins,
  host,
  secure,
  request,
});
export const policy = (
  allowedOrigins: AllowedOrigins,
  rest: { requireOrigin?: boolean; allowedHosts?: false | string[] } = {},
) => originPolicy({ allowedOrigins, requireOrigin: false, allowedHosts: false, ...rest });
export const codeOf = (judge: ReturnType<typeof originPolicy>, ...rest: Parameters<typeof subject>) =>
  judge(subject(...rest))?.code;

/** Not one serialized origin: refused by same-origin and by a list that does not hold that very text. */
export const MALFORMED = [
  '',
  ' ',
  'good.com',
  '//good.com',
  'https:good.com',
  'https://',
  'https:///good.com',
  'https://good.com/',
  'https://good.com/path',
  'https://good.com?q',
  'https://good.com#f',
  'https://good.com@evil.com',
  'https://user:pw@good.com',
  'https://good.com https://good.com',
  'https://good.com, https://good.com',
  'https://good.com,https://evil.com',
  'https://good.com\\',
  'https:\\\\good.com',
  'https://good.com:',
  'https://good.com:99999',
  'https://good.com:x',
  'https://%67ood.com',
  'https://good.com\t',
  'https://gööd.com',
  'https://256.256.256.256',
  'https://xn--/',
  'https://[::1',
  'https://[good.com]',
  'NULL',
  'null,null',
  `https://${'a.'.repeat(300)}com`,
];
export const FOREIGN = [
  'null',
  'https://evil.com',
  'http://good.com',
  'https://www.good.com',
  'https://good.com:444',
  'https://good.com:80',
  'https://notgood.com',
  'https://good.com.evil.com',
  'https://good.com.',
  'https://good.co',
  'wss://good.com',
  'chrome-extension://good.com',
  'file://',
];
export const SAME = ['https://good.com', 'https://good.com:443', 'HTTPS://GOOD.COM', 'https://Good.Com:0443'];
