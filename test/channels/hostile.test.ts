import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { type Channel, type CloseInfo, channels, CHANNELS_PROTOCOL } from '../../src/index.ts';
import { closeFrame, creditFrame, dataFrame, openFrame, TYPE } from '../../src/channels/channel-frame.ts';
import { eventLoopTurns, pair } from '../../src/testing/index.ts';

const PROTOCOLS = { protocols: [CHANNELS_PROTOCOL] };

test('MX-01: a peer that breaks a rule closes the connection with 1008 and ERR_CHANNEL', async () => {
  const open = openFrame(1, 65_536, 'a', '');
  const full = dataFrame(1, Buffer.alloc(16_000), false, true);
  const rows: readonly (readonly [frames: readonly (Buffer | string)[], message: RegExp])[] = [
    [['text'], /a text message arrived/],
    [[Buffer.from([9])], /no frame of type 9/],
    [[openFrame(2, 1, 'a', '')], /id 2 of a new channel/],
    [[open, open], /id 1 of a new channel/],
    [[openFrame(3, 1, 'a', ''), open], /id 1 of a new channel/],
    [[dataFrame(1, Buffer.alloc(1), false, true)], /channel 1 is not open/],
    [[creditFrame(TYPE.CREDIT, 7, 1)], /channel 7 is not open/],
    [[open, closeFrame(1, 1000, ''), dataFrame(1, Buffer.alloc(1), false, true)], /channel 1 is not open/],
    [[open, creditFrame(TYPE.ACCEPT, 1, 1)], /was accepted before/],
    [[open, creditFrame(TYPE.CREDIT, 1, 268_435_455)], /credit of a channel exceeds/],
    [[open, full, full, full, full, full], /no credit for 16000 bytes/],
    [
      [open, ...Array.from({ length: 1_100 }, () => dataFrame(1, Buffer.alloc(0), false, true))],
      /no credit for 0 bytes/,
    ],
    [
      [open, dataFrame(1, Buffer.from('a'), true, false), dataFrame(1, Buffer.from('b'), false, true)],
      /text and binary/,
    ],
    [[open, dataFrame(1, Buffer.from([0xff]), true, true)], /not UTF-8/],
    [
      Array.from({ length: 101 }, (_, i) => openFrame(2 * i + 1, 1, 'a', '')),
      /more than 100 channels were opened in a second/,
    ],
  ];
  for (const [frames, message] of rows) {
    await using joined = await pair({ server: PROTOCOLS, client: PROTOCOLS });
    const side = channels(joined.server, { maxChannels: 200 });
    // Nothing consumes the messages of these channels.
    side.on('channel', (channel: Channel) => channel.pause());
    for (const frame of frames) joined.client.send(frame);
    const info: CloseInfo = await joined.server.closed;
    assert.equal(info.sentCode, 1008, String(message));
    assert.equal(info.error?.code, 'ERR_CHANNEL');
    assert.match(info.error.message, message);
  }
});

test('MX-01: a peer that gives no credit, answers no close and refuses nothing holds a limited number of bytes', async () => {
  await using joined = await pair({ server: PROTOCOLS, client: PROTOCOLS });
  const side = channels(joined.server, { maxBufferedBytes: 50_000, maxChannels: 8 });
  const opened: Channel[] = [];
  side.on('channel', (channel) => void opened.push(channel));
  for (let i = 0; i < 8; i++) joined.client.send(openFrame(2 * i + 1, 1_024, 'a', ''));
  await eventLoopTurns(10);
  assert.equal(opened.length, 8);
  for (const channel of opened) for (let i = 0; i < 100; i++) channel.send(Buffer.alloc(1_000));
  for (const channel of opened) assert.equal(channel.bufferedBytes, 0);
  assert.equal(side.size, 8);
  for (let i = 8; i < 90; i++) joined.client.send(openFrame(2 * i + 1, 1_024, 'a', ''));
  await eventLoopTurns(10);
  assert.equal(side.size, 8);
  assert.equal(joined.server.state, 'open');
});

test('MX-01: refusals that the peer does not answer have a limit', async () => {
  await using joined = await pair({ server: PROTOCOLS, client: PROTOCOLS });
  channels(joined.server, { maxOpensPerSecond: 10, maxChannels: 5 });
  for (let i = 0; i < 60 && joined.server.state === 'open'; i++) {
    joined.client.send(openFrame(2 * i + 1, 1, 'a', ''));
    await joined.pass(200);
  }
  assert.match(String((await joined.server.closed).error), /refusals of too many channels were not answered/);
});
