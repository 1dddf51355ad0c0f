import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import type { Connection } from '../connection/connection.ts';
import { checkCount } from '../options/call-check.ts';
import { dispatch } from '../connection/emitter.ts';
import { warnOfHandlerProperties } from '../connection/event-names.ts';
import { MisuseError } from '../protocol/errors.ts';
import { Fields } from '../protocol/handshake/fields.ts';
import { SocketChecks } from '../sockets/handle-check.ts';
import type { AdminSnapshot, AdminView } from '../observe/admin/snapshot.ts';
import { Admin, AdminSnapshots, subjectOf } from './admin.ts';
import type { AttachableServer, Attached } from './opening/attached.ts';
import { Credentials } from './opening/credentials.ts';
import { checkFree } from './opening/arrivals.ts';
import { attach, detach } from './opening/attachments.ts';
import {
  checkAttachArguments,
  checkCredentials,
  checkDetachArguments,
  checkShutdownArguments,
  checkUpgradeArguments,
  readListenArguments,
  type ListenOptions,
} from '../options/server-call-check.ts';
import { authorityOf, Listener } from './opening/listener.ts';
import type { ServerOptions } from '../options/resolve-server-options.ts';
import type { OptionChange, RunTimeOptions } from '../options/run-time-options.ts';
import { ownPort } from './opening/own-port.ts';
import { type ReadonlyRegistry, RegistryView } from './groups/registry.ts';
import { memoryReport, type MemoryReport } from '../observe/memory-report.ts';
import type { SelfCheckReport } from './stale-entry.ts';
import { ServerCore } from './server-core.ts';
import type { Readiness } from './readiness.ts';
import { shutDown, type ShutdownOptions, type ShutdownReport, shutdownSettings } from './shutdown.ts';
import type { ServerStats } from './stats.ts';
import type { TlsCredentials } from '../options/tls-options.ts';
import { TopicServer } from './topic-server.ts';

/**
 * A WebSocket server (RFC 6455): on its own port with {@link listen}, on Node HTTP servers with {@link attach}, or for single
 * requests with {@link handleUpgrade}. All of them share the connections, topics and limits of this object. `ServerEvents` describes
 * the events.
 * @typeParam UserData Type of `connection.data`, which the `upgrade` hook returns.
 */
export class WebSocketServer<UserData = unknown> extends TopicServer<UserData> {
  readonly #core: ServerCore<UserData>;
  readonly #connections: ReadonlyRegistry<Connection<UserData>>;
  readonly #httpServers = new Map<AttachableServer, Attached>();
  #listener: Listener | undefined;
  readonly #credentials: Credentials | undefined;
  /** `handleUpgrade` was called. */
  #upgrading = false;
  #shutdown: Promise<ShutdownReport> | undefined;
  readonly #admin: Admin | undefined;
  /** For `adminSnapshot`, and for an engine that runs whole workers. */
  readonly #snapshots: AdminSnapshots;
  readonly #ownSnapshots: AdminSnapshots;

  static {
    warnOfHandlerProperties(
      this.prototype,
      'server',
      {
        onopen: "server.on('connection', (connection) => …)",
        onconnection: "server.on('connection', (connection) => …)",
        onmessage: "server.on('message', (connection, message) => …)",
        onclose: "server.on('close', (connection, info) => …)",
        onerror: "server.on('error', (error) => …)",
      },
      (server) => (#core in server ? server.#core.warnings : undefined),
    );
  }

  /** @throws MisuseError `ERR_OPTION` for an option that is unknown, out of range, or contradicts another option. */
  constructor(options?: ServerOptions<UserData>) {
    checkCount('new WebSocketServer', arguments, 1, "listen to the event 'listening'");
    const core = new ServerCore<UserData>(options);
    super(core);
    core.emitter = this;
    this.#core = core;
    const { tls } = core.options;
    this.#credentials = tls === undefined ? undefined : new Credentials(tls, core.reports);
    this.#connections = new RegistryView(core.registry);
    this.#admin = Admin.of(core, this, (settings) => new WebSocketServer(settings));
    this.#snapshots = new AdminSnapshots(() => subjectOf(core, this), true);
    this.#ownSnapshots = new AdminSnapshots(() => subjectOf(core, this), false);
    core.isReachable = () =>
      (this.#listener?.address() ?? null) !== null || this.#httpServers.size > 0 || this.#upgrading;
    core.shutdown = (timeoutMs) => this.shutdown({ timeoutMs });
    core.snapshots = (views) => this.#ownSnapshots.take(views);
    core.onStopListening = () => {
      this.#listener?.close();
      this.#credentials?.close();
      for (const [server, member] of this.#httpServers) detach(server, member, core.engine);
      this.#httpServers.clear();
    };
  }

  /** Open and closing connections. */
  get connections(): ReadonlyRegistry<Connection<UserData>> {
    return this.#connections;
  }

  /**
   * Listens on a port (default 8080) or on a Unix socket.
   * @returns The address; for port 0, with the port that the system chose. Rejects with the system's error, such as
   *   `EADDRINUSE`.
   * @throws MisuseError (as a rejection) `ERR_STATE` if the server listens already or was shut down; `ERR_ARGUMENT` or
   *   `ERR_OPTION` for an invalid port, host or path.
   */
  listen(port?: number | string, host?: string): Promise<AddressInfo>;
  listen(options: ListenOptions & { readonly path: string }): Promise<string>;
  listen(options: ListenOptions): Promise<AddressInfo>;
  async listen(...where: unknown[]): Promise<AddressInfo | string> {
    const options = readListenArguments(where);
    const core = this.#core;
    if (this.#listener?.isOver === false) throw new MisuseError('ERR_STATE', 'this server listens already');
    this.#refuseAfterShutdown();
    const { server, tlsServer, shortcut } = ownPort(core, this.#credentials?.options);
    const isAuto = core.options.transport === 'auto';
    const listener = new Listener(
      server,
      (error) => core.reports.acceptFailed(error),
      isAuto ? shortcut : undefined,
    );
    void core.topics.opening();
    if (tlsServer !== undefined) this.#credentials?.serve(tlsServer);
    this.#listener = listener;
    const opensAdmin = this.#admin?.isOpen === false;
    try {
      if (opensAdmin) await this.#admin?.open();
      const address = await listener.listen(options, core.options.backlog);
      if (core.shuttingDown) {
        listener.close();
        throw new MisuseError('ERR_STATE', 'this server was shut down while it began to listen');
      }
      this.#credentials?.watch();
      core.ownAuthority = authorityOf(address);
      core.load?.start();
      core.observers.tell('listening', address);
      dispatch(this, 'listening', [address], (error) =>
        core.handlerFailed(error, undefined, "a listener of 'listening'"),
      );
      return address;
    } catch (error) {
      this.#listener = undefined;
      if (opensAdmin) await this.#admin?.close();
      throw error;
    }
  }

  /**
   * Opens the port of the option `admin` now, and returns its address; if it is open, only that. {@link listen} opens it before it
   * listens, and rejects if that fails. {@link attach} and {@link handleUpgrade} open it, too, but cannot wait for it: a failure
   * becomes an `error` event. {@link shutdown} closes it last.
   * @returns The address; for port 0, with the port that the system chose. Rejects with an error that has the code of the system,
   *   such as `EADDRINUSE`.
   * @throws MisuseError (as a rejection) `ERR_STATE` without the option `admin`, or after `shutdown`.
   */
  async listenAdmin(): Promise<AddressInfo> {
    checkCount('server.listenAdmin', arguments, 0);
    this.#refuseAfterShutdown();
    if (this.#admin === undefined)
      throw new MisuseError('ERR_STATE', 'this server was created without the option admin');
    return this.#admin.open();
  }

  /**
   * The state of the server: what its admin port sends to viewers once a second. The option `admin` is not needed; without it, the
   * first call begins to record events and the counts of the last minute. Load and rates are those since the call before, unless that
   * is more than 5 seconds ago.
   * @param view Which connections to list. Default: the 50 with most buffered bytes.
   * @throws MisuseError (as a rejection) `ERR_OPTION` for a wrong view.
   */
  async adminSnapshot(view: Partial<AdminView> = {}): Promise<AdminSnapshot> {
    checkCount('server.adminSnapshot', arguments, 1);
    return this.#snapshots.takeOne(view);
  }

  /**
   * Replaces the TLS credentials for handshakes from now on; connections stay open. Omitted credentials do not change.
   * @throws MisuseError `ERR_OPTION` for a certificate that is invalid or does not match its key: then the old one stays;
   *   `ERR_STATE` for a server without the option `tls`.
   */
  reloadTls(credentials: TlsCredentials): void {
    checkCredentials(arguments);
    if (this.#credentials === undefined)
      throw new MisuseError('ERR_STATE', 'this server was created without the option tls');
    this.#credentials.replace('reloadTls', credentials);
  }

  /**
   * Changes limits, timeouts, rates, origins and hosts while the server runs: all of the options given, or none. Open connections
   * follow at once, at the latest within a few turns of the event loop; what has begun with an earlier value, such as the timeout
   * of an unfinished message, ends with it. A missing option stays as it is, and `undefined` means the default.
   * @returns The options whose value has changed, also those whose default depends on another option. Frozen.
   * @throws MisuseError `ERR_OPTION` for an option that is unknown, out of range, or contradicts another option, and for one that
   *   cannot change at run time: the message says what to do instead. Then nothing has changed.
   */
  configure(options: RunTimeOptions): readonly OptionChange[] {
    checkCount('server.configure', arguments, 1, 'it is done when configure returns');
    return this.#core.configure(options);
  }

  /** The listening address, or the path of the Unix socket; `null` if the server does not listen. */
  address(): AddressInfo | string | null {
    checkCount('server.address', arguments, 0);
    return this.#listener?.address() ?? null;
  }

  /**
   * Handles the WebSocket upgrades of a Node HTTP or HTTPS server for the paths that this server serves. The HTTP server
   * handles all other requests, including those that offer another protocol (`Upgrade: h2c`). If another `upgrade` listener
   * answers an upgrade at once, it keeps the socket. On a server of HTTP/2 it also handles extended CONNECT requests (RFC 8441): the
   * server needs `settings: { enableConnectProtocol: true }`.
   * @param options `path`: the only path to serve on this HTTP server; the server's own option `path` must match it, too.
   * @throws MisuseError `ERR_ARGUMENT` for a value that is not an HTTP server, such as an Express application; `ERR_STATE` if
   *   attached already; `ERR_OPTION` for a server with `insecureHTTPParser`, or for one of HTTP/2 on which no client can open a
   *   WebSocket.
   */
  attach(server: AttachableServer, options?: { readonly path?: string }): this {
    checkAttachArguments(arguments);
    this.#refuseAfterShutdown();
    if (this.#httpServers.has(server)) {
      throw new MisuseError('ERR_STATE', 'this WebSocketServer is attached to that HTTP server already');
    }
    const core = this.#core;
    if (core.options.transport === 'auto')
      void core.engine.part(SocketChecks).prepareSockets(server instanceof TlsServer);
    void core.topics.opening();
    const only = options?.path;
    const member: Attached = {
      settings: core.options,
      clock: core.clock,
      serves: (path) => (only === undefined || path === only) && this.#serves(path),
      take: (request, socket, head) => void this.#upgrade(request, socket, head),
      takeStream: (stream, head) => core.arrivals.upgradeStream(stream, head),
    };
    attach(server, member, core.engine);
    this.#httpServers.set(server, member);
    core.load?.start();
    this.#openAdmin();
    return this;
  }

  /** Detaches from an HTTP server; connections stay open. @returns Whether it was attached. */
  detach(server: AttachableServer): boolean {
    checkDetachArguments(arguments);
    const member = this.#httpServers.get(server);
    if (member === undefined) return false;
    this.#httpServers.delete(server);
    detach(server, member, this.#core.engine);
    return true;
  }

  /**
   * Answers one upgrade request. The socket may be any `Duplex`; from this call on it belongs to this server. If Node's HTTP
   * server has unfinished responses to earlier requests on the socket, the handshake waits for them.
   * @param head Bytes that the HTTP server has read after the request.
   * @returns The connection, or `undefined` if the request was refused or the client disconnected. Never rejects.
   * @throws MisuseError, synchronously: `ERR_ARGUMENT` for arguments other than those of an `upgrade` event, and for a callback;
   *   `ERR_STATE` for a socket that was passed before.
   */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<Connection<UserData> | undefined> {
    checkUpgradeArguments(arguments);
    checkFree(socket);
    if (!this.#upgrading) this.#openAdmin();
    this.#upgrading = true;
    if (!this.#core.isLeaving) this.#core.load?.start();
    return this.#upgrade(request, socket, head);
  }

  /** Counters since the start, and current values. Constant time. */
  stats(): ServerStats {
    checkCount('server.stats', arguments, 0);
    return this.#core.stats(this.#listener?.transport ?? 'stream');
  }

  /**
   * The metrics of this server and of the process as text for Prometheus, version 0.0.4 (`text/plain`). Constant time, 1 ms at
   * most. `METRICS` of `hawser/observe` lists them; kinds, sizes and handler times need the option `metrics`. Send it with the
   * header `Content-Type: text/plain; version=0.0.4`. `metricsText` of `hawser/observe` shows several servers in one text.
   */
  metrics(): string {
    checkCount('server.metrics', arguments, 0);
    return this.#core.metrics();
  }

  /**
   * The memory of each connection, and of all together: queues, unfinished and undelivered messages, as the memory budget counts
   * them; also compressors and topics, which it does not count. `compareMemoryReports` of `hawser/observe` compares two. Time is
   * proportional to the number of connections, 3 to 8 µs each, in one piece: 10,000 connections block the event loop for 30 to
   * 80 ms.
   */
  memoryReport(): MemoryReport {
    checkCount('server.memoryReport', arguments, 0);
    const core = this.#core;
    return memoryReport(core.everyConnection(), core.options.memoryBudget, core.clock.wallNow());
  }

  /**
   * Compares connections, sockets, topics and counters with each other. Stale entries are repaired and reported; they are faults of
   * this library. Option `debugChecks` runs it every 5 minutes, and logs what it repaired. Time is proportional to connections and
   * subscriptions.
   */
  selfCheck(): SelfCheckReport {
    checkCount('server.selfCheck', arguments, 0);
    return this.#core.selfCheck.run();
  }

  /**
   * Whether new clients can connect: the server listens, is attached or has handled an upgrade; it is not shutting down; and
   * it is not full. A full server is ready again below 95 % of `maxConnections`, so that a load balancer does not flap. With
   * `requireEngine`, the engine must be up, too. With `loadControl`, the level must be below `critical`, and the circuit breaker of
   * the `upgrade` hook must not be open.
   */
  ready(): boolean {
    checkCount('server.ready', arguments, 0);
    return this.#core.readiness().ready;
  }

  /** As {@link ready}, with the reasons, for the body of a health check. */
  readiness(): Readiness {
    checkCount('server.readiness', arguments, 0);
    return this.#core.readiness();
  }

  /**
   * Shuts the server down. `ready()` turns `false`; listening stops; connections get a Close after their buffered messages, in
   * batches and in random order; at the deadline the server destroys those that are still open. HTTP servers that it was
   * attached to continue. The shutdown keeps the process alive until its end.
   * @returns The same promise for every call.
   * @throws MisuseError `ERR_OPTION` or `ERR_ARGUMENT` for an invalid option.
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    checkShutdownArguments(arguments);
    if (this.#shutdown !== undefined) return this.#shutdown;
    const settings = shutdownSettings(options);
    const core = this.#core;
    core.isLeaving = true;
    core.recorder?.note('shutting-down', 'info', `shutting down · ${core.connectionCount} connections`);
    this.#shutdown = shutDown(core, settings, options?.signal).then(async (report) => {
      core.load?.stop();
      core.observers.tell('shutDown', report, core.stats(this.#listener?.transport ?? 'stream'));
      await core.topics.stop();
      await this.#admin?.close();
      await Promise.all([this.#snapshots.stop(), this.#ownSnapshots.stop()]);
      dispatch(this, 'closed', [], (error) => core.handlerFailed(error, undefined, "a listener of 'closed'"));
      return report;
    });
    return this.#shutdown;
  }

  /** Calls `shutdown()`; for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<Connection<UserData> | undefined> {
    const requestHead = {
      method: request.method ?? '',
      target: request.url ?? '',
      httpVersion: request.httpVersion,
      fields: Fields.fromRaw(request.rawHeaders),
    };
    return this.#core.arrivals.upgrade(socket, requestHead, head, request);
  }

  /** Opens the admin port for a call that cannot wait. */
  #openAdmin(): void {
    if (this.#admin?.isOpen !== false || this.#shutdown !== undefined) return;
    this.#admin.open().catch((error: unknown) => this.#core.reports.adminFailed(error));
  }

  #serves(path: string): boolean {
    try {
      return this.#core.policies.matchesPath(path);
    } catch (error) {
      this.#core.handlerFailed(error, undefined, 'a function given as path');
      return false;
    }
  }

  #refuseAfterShutdown(): void {
    if (this.#shutdown !== undefined) throw new MisuseError('ERR_STATE', 'this server was shut down');
  }
}
