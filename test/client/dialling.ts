import {
  type ClientConnection,
  connect as dial,
  type ConnectOptions,
  ReconnectingClient as Client,
  type ReconnectOptions,
} from '../../src/client/index.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { TRANSPORT } from '../server/transport.ts';

// Clients for the tests in this folder, with the transport of this run. The self-check runs first, so sockets are driven from the
// first byte. late-drive.test.ts tests connections that switch later.
const checks = defaultEngine.part(SocketChecks);
if (TRANSPORT.transport === 'auto')
  await Promise.all([checks.checkSockets(false), checks.checkSockets(true), checks.checkDials()]);

/** `connect` over the transport of this run; `HAWSER_TEST_TRANSPORT=stream` changes it. */
export const connect = <UserData = unknown>(
  url: string | URL,
  options?: ConnectOptions,
): Promise<ClientConnection<UserData>> => dial<UserData>(url, { ...TRANSPORT, ...options });

/** `ReconnectingClient` over the transport of this run. */
export class ReconnectingClient extends Client {
  constructor(url: ConstructorParameters<typeof Client>[0], options?: ReconnectOptions) {
    super(url, { ...TRANSPORT, ...options });
  }
}
