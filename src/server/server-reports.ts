import { type Connection, driverOf, type DriverOf } from '../connection/connection.ts';
import { countListeners, dispatch, type SafeEmitter } from '../connection/emitter.ts';
import { escaped } from '../connection/log.ts';
import type { Observers } from '../connection/observers.ts';
import { ERROR_LISTENER, type Warnings } from '../connection/warnings.ts';
import type { Clock } from '../engine/clock.ts';
import type { Refusal } from '../observe/observer.ts';
import type { ResolvedServerOptions } from '../options/resolve-server-options.ts';
import { HandshakeError, PeerError } from '../protocol/errors.ts';
import type { CredentialsOwner } from './opening/credentials.ts';
import type { ServerEvents } from './server-events.ts';

/** Failures to accept come in floods. */
const ACCEPT_FAILURE_EVERY_MS = 1_000;

/** Where a failure happened that refused a handshake. */
const REFUSING_FUNCTION = 'the upgrade hook, or a function given as path, allowedOrigins or exemptAddresses,';

/** The server that {@link ServerReports} speaks for. */
export interface ReportingServer<UserData> {
  /** The object that the application holds. */
  readonly emitter: SafeEmitter<ServerEvents<UserData>>;
  readonly observers: Observers;
  readonly warnings: Warnings;
  readonly options: Pick<ResolvedServerOptions<UserData>, 'logger' | 'memoryBudget' | 'violationLimit'>;
  readonly clock: Clock;
}

/**
 * Reports what happens to a server: to observers, to the listeners of the application, and, if a failure has neither a
 * listener nor a logger, as a process warning.
 */
export class ServerReports<UserData> implements CredentialsOwner {
  readonly #owner: ReportingServer<UserData>;
  #shedEpisode = 0;
  #acceptFailedMs = Number.NEGATIVE_INFINITY;

  constructor(owner: ReportingServer<UserData>) {
    this.#owner = owner;
  }

  /** Emits an event. A listener that throws is reported, too. */
  emit<Name extends keyof ServerEvents<UserData>>(name: Name, ...args: ServerEvents<UserData>[Name]): void {
    dispatch(this.#owner.emitter, name, args, (error) => {
      const where = `a listener of '${name}'`;
      if (name === 'error') {
        // There is no listener left to tell.
        this.#owner.observers.tell('handlerFailed', error, undefined);
        this.#owner.warnings.failure(ERROR_LISTENER, error);
      } else if (name === 'connection')
        driverOf(args[0] as Connection<UserData>).listenerFailed(error, where);
      else this.handlerFailed(error, undefined, where);
    });
  }

  refused(refusal: Refusal): void {
    this.#owner.observers.tell('refused', refusal);
    if (refusal.error !== undefined) this.#showFailure(refusal.error, undefined, REFUSING_FUNCTION);
    if (refusal.code === 'ERR_ORIGIN') this.#showOrigin(refusal);
    const { status, code, remoteAddress, url } = refusal;
    this.emit('refused', { status, code, remoteAddress, url });
  }

  /** The option `violationLimit` refuses an address from now on. */
  addressRefused(remoteAddress: string): void {
    const { violationLimit } = this.#owner.options;
    if (violationLimit !== false) this.#owner.observers.tell('addressRefused', remoteAddress, violationLimit);
  }

  memoryShed(): void {
    const { memoryBudget } = this.#owner.options;
    if (this.#shedEpisode === memoryBudget.episodes) return;
    this.#shedEpisode = memoryBudget.episodes;
    const error = new PeerError('ERR_MEMORY_CAP', `the budget is ${memoryBudget.maxBytes} bytes`);
    this.#owner.observers.tell('memoryShed', memoryBudget.maxBytes);
    this.emit('error', error);
  }

  handlerFailed(error: unknown, driver: DriverOf<UserData> | undefined, where: string): void {
    this.#owner.observers.tell('handlerFailed', error, driver);
    this.#showFailure(error, driver, where);
  }

  /** Emits `error`; without a listener for it, the failure becomes a warning. */
  #showFailure(error: unknown, driver: DriverOf<UserData> | undefined, where: string): void {
    if (countListeners(this.#owner.emitter, 'error') === 0) this.#owner.warnings.failure(where, error);
    // An ERR_UPGRADE_HOOK says itself what the hook returned.
    const fault =
      error instanceof HandshakeError ? error : new PeerError('ERR_HANDLER', undefined, { cause: error });
    if (driver === undefined) this.emit('error', fault);
    else this.emit('error', fault, driver.connection);
  }

  /** The admin port could not be opened, or failed to answer. */
  adminFailed(error: unknown): void {
    this.#owner.options.logger?.error({ err: error }, 'admin port failed');
    if (countListeners(this.#owner.emitter, 'error') === 0)
      this.#owner.warnings.failure('the admin port', error);
    this.emit('error', error instanceof Error ? error : new PeerError('ERR_INTERNAL', String(error)));
  }

  // `CredentialsOwner`.

  get clock(): Clock {
    return this.#owner.clock;
  }

  certificateRenewed(file: string, validTo: string): void {
    this.#owner.observers.tell('certificateRenewed', file, validTo);
  }

  certificateFailed(error: Error): void {
    this.#owner.options.logger?.error(
      { err: error },
      'certificate not renewed, the server keeps the old one',
    );
    if (countListeners(this.#owner.emitter, 'error') === 0)
      this.#owner.warnings.failure('the new certificate', error);
    this.emit('error', error);
  }

  /** The code for topics could not be loaded, or the engine could not be stopped. */
  engineFailed(error: unknown): void {
    this.#owner.options.logger?.error({ err: error }, 'engine failed');
    if (countListeners(this.#owner.emitter, 'error') === 0) this.#owner.warnings.failure('the engine', error);
    this.emit('error', error instanceof Error ? error : new PeerError('ERR_INTERNAL', String(error)));
  }

  /** Shows the first refused origin: a browser does not tell its page why the connection failed. */
  #showOrigin({ detail = '' }: Refusal): void {
    if (this.#owner.options.logger !== undefined || countListeners(this.#owner.emitter, 'refused') > 0)
      return;
    this.#owner.warnings.mistake(
      'HAWSER_ORIGIN',
      'origin',
      `a handshake was refused with 403: ${escaped(detail)}`,
      "To admit pages of that origin: new WebSocketServer({ allowedOrigins: ['http://localhost:3000'] }), with the origin instead. " +
        "Further refusals are not shown. To see all of them set the option logger, or listen to the event 'refused'.",
    );
  }

  /** Accepting failed, as without file descriptors. It goes on by itself; said once a second at most. */
  acceptFailed(error: Error): void {
    const now = this.#owner.clock.now();
    if (now - this.#acceptFailedMs < ACCEPT_FAILURE_EVERY_MS) return;
    this.#acceptFailedMs = now;
    this.#owner.observers.tell('acceptFailed', error);
    this.emit('error', error);
  }
}
