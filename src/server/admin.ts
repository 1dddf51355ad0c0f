import type { AddressInfo } from 'node:net';
import type { AdminPort } from '../observe/admin/admin-port.ts';
import type { AdminSubject } from '../observe/admin/subject.ts';

/** The admin port of a server: opens it once, and loads its code only then. */
export class Admin {
  readonly #subject: AdminSubject;
  #port: Promise<AdminPort> | undefined;

  constructor(subject: AdminSubject) {
    this.#subject = subject;
  }

  /** Whether the port is open, or opens. */
  get isOpen(): boolean {
    return this.#port !== undefined;
  }

  /** Opens the port; later calls return the same address. After a failure, the next call tries again. */
  async open(): Promise<AddressInfo> {
    this.#port ??= this.#open();
    return (await this.#port).address;
  }

  /** Closes the port, if it is open. */
  async close(): Promise<void> {
    const port = await this.#port?.catch(() => undefined);
    this.#port = undefined;
    await port?.close();
  }

  async #open(): Promise<AdminPort> {
    try {
      const { AdminPort: Port } = await import('../observe/admin/admin-port.ts');
      return await Port.open(this.#subject);
    } catch (error) {
      this.#port = undefined;
      throw error;
    }
  }
}
