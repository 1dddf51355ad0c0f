import { EngineInWorker } from '../../../src/cluster/engines/workers/engine.ts';
import { Hub, type HubLimits } from '../../../src/cluster/engines/workers/hub.ts';
import type { HubMember } from '../../../src/cluster/engines/workers/hub-member.ts';
import { WorkerLink } from '../../../src/cluster/engines/workers/worker-link.ts';
import { fromWire, type Wire } from '../../../src/cluster/engines/workers/worker-message.ts';
import type { Engine } from '../../../src/cluster/index.ts';
import { seededRandom, VirtualClock } from '../../../src/testing/index.ts';

/** A hub and workers in memory, on a virtual clock: messages are cloned, as a channel does. */
export class MemoryMachine {
  readonly clock: VirtualClock;
  readonly hub: Hub;
  readonly workers: MemoryWorker[] = [];
  #numbers = 0;

  constructor(limits: HubLimits = {}, clock = new VirtualClock()) {
    this.clock = clock;
    this.hub = new Hub({ clock, random: seededRandom(1), soon: queueMicrotask }, limits);
  }

  worker(isAdvanced = true): MemoryWorker {
    const worker = new MemoryWorker(this, ++this.#numbers, isAdvanced);
    this.workers.push(worker);
    return worker;
  }
}

export class MemoryWorker {
  readonly member: HubMember;
  readonly link: WorkerLink;
  readonly #machine: MemoryMachine;
  readonly #isAdvanced: boolean;
  /** IPC messages in each direction. */
  toHub = 0;
  fromHub = 0;
  isKilled = false;
  /** Why the hub killed it. */
  error: Error | undefined;
  /** While it is set, the worker reads nothing, as after SIGSTOP. */
  isStopped = false;
  /** What it has not read. */
  unread: (() => void)[] = [];
  #received: (wire: Wire) => void = () => undefined;
  #closed: () => void = () => undefined;

  constructor(machine: MemoryMachine, id: number, isAdvanced: boolean) {
    this.#machine = machine;
    this.#isAdvanced = isAdvanced;
    this.link = new WorkerLink({ clock: machine.clock }, queueMicrotask);
    this.member = machine.hub.join(
      {
        kind: 'process',
        id,
        send: (wire) => {
          this.fromHub++;
          const copy = this.#copied(wire);
          const read = (): void => {
            if (!this.isKilled) this.#received(copy);
          };
          if (this.isStopped) this.unread.push(read);
          else queueMicrotask(read);
        },
        kill: () => this.kill(),
      },
      (error) => {
        this.error = error;
      },
    );
  }

  engine(prefix = 'hawser'): Engine {
    const port = {
      send: (wire: Wire) => {
        if (this.isKilled) return;
        this.toHub++;
        const message = fromWire(this.#copied(wire));
        if (message !== undefined) queueMicrotask(() => this.member.received(message));
      },
      open: (received: (message: NonNullable<ReturnType<typeof fromWire>>) => void, closed: () => void) => {
        this.#received = (wire) => {
          const message = fromWire(wire);
          if (message !== undefined) received(message);
        };
        this.#closed = closed;
      },
      release: () => undefined,
    };
    return new EngineInWorker(this.link, port, prefix);
  }

  /** As kill -9 of the process: the hub learns it from the end of the channel. */
  kill(): void {
    this.isKilled = true;
    this.#machine.hub.leave(this.member);
    this.#closed();
  }

  /** As SIGCONT. */
  resume(): void {
    this.isStopped = false;
    for (const read of this.unread.splice(0)) queueMicrotask(read);
  }

  #copied(wire: Wire): Wire {
    return this.#isAdvanced ? structuredClone(wire) : (JSON.parse(JSON.stringify(wire)) as Wire);
  }
}
