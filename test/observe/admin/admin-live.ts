import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { AdminOptions, ClientConnection, ServerOptions } from '../../../src/index.ts';
import { connect } from '../../../src/index.ts';
import { ADMIN_PROTOCOL, type AdminSnapshot } from '../../../src/observe/admin/snapshot.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { listening } from '../../server/live.ts';

export const TOKEN = 'correct-horse-battery';

/** What the admin port answered. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A server with an admin port, both on free ports of this machine; see `listening` for what holds at the end. */
export async function administered(
  t: TestContext,
  admin: Omit<AdminOptions, 'port'> = {},
  options: ServerOptions = {},
) {
  const live = await listening(t, { ...options, admin: { port: 0, ...admin } });
  const { port: adminPort } = await live.server.listenAdmin();
  const ask = (
    path: string,
    { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<AdminAnswer> =>
    new Promise((resolve, reject) => {
      const asked = request({ port: adminPort, host: '127.0.0.1', path, method, headers, agent: false });
      asked.on('error', reject);
      asked.on('response', (response) => {
        text(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
          reject,
        );
      });
      asked.end();
    });
  const view = (
    more: { readonly headers?: Record<string, string>; readonly protocols?: string[] } = {},
  ): Promise<ClientConnection> =>
    connect(`ws://127.0.0.1:${adminPort}/live`, { protocols: [ADMIN_PROTOCOL], ...more });
  const watch = async (): Promise<Watched> => watched(await view());
  return { ...live, adminPort, ask, view, watch };
}

/** What a viewer of `/live` has seen. */
export interface Watched {
  readonly viewer: ClientConnection;
  readonly snapshots: readonly AdminSnapshot[];
  /** Resolves with the first snapshot that fits, also of those before the call. */
  readonly when: (fits: (snapshot: AdminSnapshot) => boolean) => Promise<AdminSnapshot>;
}

/** Collects the snapshots of a viewer. */
export function watched(viewer: ClientConnection): Watched {
  const snapshots: AdminSnapshot[] = [];
  viewer.on('message', (message) => void snapshots.push(JSON.parse(String(message)) as AdminSnapshot));
  const when: Watched['when'] = async (fits) => {
    await waitUntil(() => snapshots.some(fits), { deadlineMs: 20_000 });
    return snapshots.find(fits)!;
  };
  return { viewer, snapshots, when };
}
