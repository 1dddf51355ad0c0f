import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerDeflate } from '../../../src/protocol/deflate/answer.ts';
import { acceptDeflateAnswer, offerDeflate } from '../../../src/protocol/deflate/offer.ts';
import type {
  DeflateAgreement,
  DeflateDirection,
  DeflatePreferences,
} from '../../../src/protocol/deflate/parameters.ts';
import { parseExtensions } from '../../../src/protocol/handshake/extension-list.ts';

const PLAIN: DeflatePreferences = {
  contextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
const TAKEOVER: DeflatePreferences = { ...PLAIN, contextTakeover: true };
const SMALL: DeflatePreferences = { contextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 11 };

const D = 'permessage-deflate';
const NO = `${D}; server_no_context_takeover; client_no_context_takeover`;

const answer = (offer: string, preferences: DeflatePreferences) =>
  answerDeflate(parseExtensions(offer), preferences);
/** `s15+ c10-`: window of each side, and whether it uses context takeover. */
const shown = ({ server, client }: DeflateAgreement): string => {
  const side = ({ windowBits, contextTakeover }: DeflateDirection) =>
    `${windowBits}${contextTakeover ? '+' : '-'}`;
  return `s${side(server)} c${side(client)}`;
};

const ANSWERS: readonly (readonly [DeflatePreferences, offer: string, text: string, agreed: string])[] = [
  [PLAIN, D, NO, 's15- c15-'],
  [PLAIN, `${D}; client_max_window_bits`, NO, 's15- c15-'],
  [PLAIN, `${D}; client_max_window_bits=10`, `${NO}; client_max_window_bits=10`, 's15- c10-'],
  [PLAIN, `${D}; client_max_window_bits=8`, `${NO}; client_max_window_bits=8`, 's15- c8-'],
  [PLAIN, `${D}; server_max_window_bits=12`, `${NO}; server_max_window_bits=12`, 's12- c15-'],
  [PLAIN, `${D}; server_max_window_bits=15`, `${NO}; server_max_window_bits=15`, 's15- c15-'],
  [TAKEOVER, D, D, 's15+ c15+'],
  [TAKEOVER, `${D}; server_no_context_takeover`, `${D}; server_no_context_takeover`, 's15- c15+'],
  [TAKEOVER, `${D}; client_no_context_takeover`, `${D}; client_no_context_takeover`, 's15+ c15-'],
  [SMALL, D, `${D}; server_max_window_bits=10`, 's10+ c15+'],
  [
    SMALL,
    `${D}; client_max_window_bits`,
    `${D}; server_max_window_bits=10; client_max_window_bits=11`,
    's10+ c11+',
  ],
  [
    SMALL,
    `${D}; server_max_window_bits=9; client_max_window_bits=9`,
    `${D}; server_max_window_bits=9; client_max_window_bits=9`,
    's9+ c9+',
  ],
  [
    SMALL,
    `${D}; server_max_window_bits=13; client_max_window_bits=15`,
    `${D}; server_max_window_bits=10; client_max_window_bits=11`,
    's10+ c11+',
  ],
  // The first acceptable offer is answered, in the client's order.
  [TAKEOVER, `${D}; server_max_window_bits=8, ${D}`, D, 's15+ c15+'],
  [
    TAKEOVER,
    `foo, ${D}; bar, ${D}; server_max_window_bits=9, ${D}`,
    `${D}; server_max_window_bits=9`,
    's9+ c15+',
  ],
  [TAKEOVER, `${D}; server_max_window_bits="10"`, `${D}; server_max_window_bits=10`, 's10+ c15+'],
];
for (const [preferences, offer, text, agreed] of ANSWERS) {
  test(`PD-02 PD-03 ${JSON.stringify(preferences)} answers ${offer}`, () => {
    const given = answer(offer, preferences);
    assert.equal(given?.text, text);
    assert.equal(shown(given.agreed), agreed);
    assert.equal(given.agreed, answer(offer, preferences)?.agreed, 'equal agreements are one object');
  });
}

/** Values that are invalid for a window. */
const BAD_BITS = ['7', '16', '1000', '08', '015', '-1', 'x', '9.0', '1e1', '+9', '0x9', '0', '99'];
const DECLINED = [
  'foo',
  'permessage-deflat',
  'PERMESSAGE-DEFLATE',
  'x-webkit-deflate-frame',
  `${D}; foo`,
  `${D}; foo=1`,
  `${D}; __proto__`,
  `${D}; hasOwnProperty`,
  `${D}; Server_No_Context_Takeover`,
  `${D}; server_max_window_bits`,
  `${D}; server_max_window_bits=8`,
  `${D}; server_no_context_takeover=true`,
  `${D}; client_no_context_takeover=1`,
  `${D}; server_no_context_takeover; server_no_context_takeover`,
  `${D}; client_no_context_takeover; client_no_context_takeover`,
  `${D}; server_max_window_bits=10; server_max_window_bits=10`,
  `${D}; client_max_window_bits; client_max_window_bits`,
  `${D}; client_max_window_bits=10; client_max_window_bits`,
  ...BAD_BITS.flatMap((bits) => [
    `${D}; server_max_window_bits=${bits}`,
    `${D}; client_max_window_bits=${bits}`,
    `${D}; client_max_window_bits="${bits}"`,
  ]),
];
for (const offer of DECLINED) {
  test(`PD-02 SE-04 the offer is declined and the connection goes on: ${offer}`, () => {
    for (const preferences of [PLAIN, TAKEOVER, SMALL])
      assert.equal(answer(offer, preferences), undefined, JSON.stringify(preferences));
    assert.equal(answer(`${offer}, ${D}`, TAKEOVER)?.text, D, 'the next one counts');
  });
}

const OFFERS: readonly (readonly [DeflatePreferences, text: string])[] = [
  [PLAIN, `${NO}; client_max_window_bits`],
  [TAKEOVER, `${D}; client_max_window_bits`],
  [SMALL, `${D}; server_max_window_bits=10; client_max_window_bits=11`],
];
for (const [preferences, text] of OFFERS) {
  test(`PD-10 offers ${text}`, () => assert.equal(offerDeflate(preferences), text));
}

const ACCEPTED: readonly (readonly [DeflatePreferences, text: string, agreed: string])[] = [
  [PLAIN, NO, 's15- c15-'],
  [PLAIN, `${D}; server_no_context_takeover`, 's15- c15-'],
  // The server ignored the parameter, as Tornado does: it keeps its context, and the client keeps one to inflate.
  [PLAIN, D, 's15+ c15-'],
  [PLAIN, `${D}; client_no_context_takeover`, 's15+ c15-'],
  [PLAIN, `${NO}; server_max_window_bits=8; client_max_window_bits=8`, 's8- c8-'],
  [TAKEOVER, D, 's15+ c15+'],
  [TAKEOVER, NO, 's15- c15-'],
  [TAKEOVER, `${D}; client_no_context_takeover`, 's15+ c15-'],
  [TAKEOVER, `${D}; server_max_window_bits=9; client_max_window_bits=15`, 's9+ c15+'],
  [SMALL, `${D}; server_max_window_bits=10`, 's10+ c11+'],
  [SMALL, `${D}; server_max_window_bits=9; client_max_window_bits="10"`, 's9+ c10+'],
  // The server ignored the hint (RFC 7692 §7.1.2.2): our window stays smaller, which also satisfies the response.
  [SMALL, `${D}; server_max_window_bits=10; client_max_window_bits=12`, 's10+ c11+'],
];
for (const [preferences, text, agreed] of ACCEPTED) {
  test(`PD-10 ${JSON.stringify(preferences)} accepts ${text}`, () => {
    const accepted = acceptDeflateAnswer(parseExtensions(text), preferences);
    assert.ok(typeof accepted === 'object', JSON.stringify(accepted));
    assert.equal(shown(accepted), agreed);
  });
}

const REFUSED: readonly (readonly [DeflatePreferences, text: string, why: RegExp])[] = [
  [TAKEOVER, 'foo', /not offered/],
  [TAKEOVER, `${D}, ${D}`, /more than one/],
  [TAKEOVER, `${D}, foo`, /more than one/],
  [TAKEOVER, `${D}; foo`, /unknown/],
  [TAKEOVER, `${D}; constructor`, /unknown/],
  [TAKEOVER, `${D}; client_no_context_takeover=1`, /has a value/],
  [TAKEOVER, `${D}; client_max_window_bits`, /has no value/],
  [TAKEOVER, `${D}; server_max_window_bits`, /has no value/],
  [TAKEOVER, `${D}; server_max_window_bits=9; server_max_window_bits=9`, /twice/],
  [TAKEOVER, `${NO}; server_no_context_takeover`, /twice/],
  [SMALL, D, /server_max_window_bits is missing, not at most 10/],
  [SMALL, `${D}; server_max_window_bits=11`, /server_max_window_bits is 11, not at most 10/],
  ...BAD_BITS.flatMap((bits): [DeflatePreferences, string, RegExp][] => [
    [TAKEOVER, `${D}; server_max_window_bits=${bits}`, /not a number from 8 to 15/],
    [TAKEOVER, `${D}; client_max_window_bits=${bits}`, /not a number from 8 to 15/],
  ]),
];
for (const [preferences, text, why] of REFUSED) {
  test(`PD-10 SE-04 refused: ${JSON.stringify(preferences)} is answered ${text}`, () => {
    assert.match(JSON.stringify(acceptDeflateAnswer(parseExtensions(text), preferences)), why);
  });
}

test('PD-02 PD-10 our client accepts the answer of our server, for all preferences of both', () => {
  const bits = [9, 10, 12, 15];
  const all = [true, false].flatMap((contextTakeover) =>
    bits.flatMap((serverMaxWindowBits) =>
      bits.map((clientMaxWindowBits) => ({ contextTakeover, serverMaxWindowBits, clientMaxWindowBits })),
    ),
  );
  for (const ofClient of all) {
    for (const ofServer of all) {
      const given = answer(offerDeflate(ofClient), ofServer)!;
      const accepted = acceptDeflateAnswer(parseExtensions(given.text), ofClient);
      assert.equal(accepted, given.agreed, `${JSON.stringify({ ofClient, ofServer })}: ${given.text}`);
      assert.ok(
        given.agreed.server.windowBits <=
          Math.min(ofClient.serverMaxWindowBits, ofServer.serverMaxWindowBits),
      );
      assert.ok(
        given.agreed.client.windowBits <=
          Math.min(ofClient.clientMaxWindowBits, ofServer.clientMaxWindowBits),
      );
      assert.equal(given.agreed.server.contextTakeover, ofClient.contextTakeover && ofServer.contextTakeover);
    }
  }
});
