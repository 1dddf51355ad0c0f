import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextText } from '../server/live.ts';
import { runExample, statusOf } from './run-example.ts';

test('EX-01 AU-06 cookie: a signed-in user connects, others are refused', async (t) => {
  const example = await runExample(t, 'auth-cookie.ts');
  const login = (body: string) =>
    example.fetch('/login', { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
  for (const wrong of ['user=ann&password=ebb', 'user=eve&password=', 'user=eve&password=tide', '']) {
    assert.equal((await login(wrong)).status, 401, wrong);
  }
  const answer = await login('user=ann&password=tide');
  assert.equal(answer.status, 204);
  const [cookie = ''] = answer.headers.getSetCookie();
  assert.match(cookie, /; HttpOnly; SameSite=Lax;/);
  const [session = ''] = cookie.split(';');
  const client = await example.join({ headers: { Cookie: `theme=dark; ${session}` } });
  assert.equal(await nextText(client), 'Hello, ann.');
  const forged = session.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  for (const field of [undefined, 'session=', 'session=a.b.c', forged, `old${session}`]) {
    assert.equal(await statusOf(example, { headers: { Cookie: field } }), 401, field);
  }
  const otherPage = { Cookie: session, Origin: 'https://evil.example' };
  assert.equal(await statusOf(example, { headers: otherPage }), 403, 'the cookie alone is not enough');
});

test('EX-01 AU-06 token: in a header, as a ticket in the query, as a subprotocol', async (t) => {
  const example = await runExample(t, 'auth-token.ts');
  const [, token = ''] = await example.waitForOutput(/token for ann: (\S+)\n/);
  const authorization = `Bearer ${token}`;
  const byHeader = await example.join({ headers: { Authorization: authorization } });
  assert.equal(await nextText(byHeader), 'Hello, ann.');

  const ticketAnswer = await example.fetch('/ticket', { method: 'POST', headers: { authorization } });
  const path = `/?ticket=${await ticketAnswer.text()}`;
  const byTicket = await example.join({ path });
  assert.equal(await nextText(byTicket), 'Hello, ann.');
  assert.equal(await statusOf(example, { path }), 401, 'a ticket is good once');

  const bySubprotocol = await example.join({ protocols: ['chat.v1', `bearer.${token}`] });
  assert.equal(await nextText(bySubprotocol), 'Hello, ann.');

  assert.equal(await statusOf(example, {}), 401);
  assert.equal(await statusOf(example, { path: '/?ticket=guess' }), 401);
  assert.equal(await statusOf(example, { headers: { Authorization: `${authorization}x` } }), 401);
  assert.equal(await statusOf(example, { protocols: ['chat.v1', 'bearer.a.b.c'] }), 401);
  assert.equal((await example.fetch('/ticket', { method: 'POST' })).status, 401);
});
