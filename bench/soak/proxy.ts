// A TCP proxy in a process of its own, which delays, stops and resets what passes. The first call is `start`.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { answerCalls } from './answering.ts';

export interface ProxyPlan {
  /** Address of the server, and of the proxy. */
  readonly host: string;
  readonly port: number;
}

const sockets = new Set<Socket>();
let delayMs = 0;
let isStopped = false;

/** What is to be done at its time, and after everything before it. */
interface Step {
  readonly dueMs: number;
  readonly run: () => void;
}

/** Passes on what one side sends, later if there is a delay; order is kept. */
function pass(from: Socket, to: Socket): void {
  const steps: Step[] = [];
  let timer: NodeJS.Timeout | undefined;
  const runDue = (): void => {
    timer = undefined;
    while (steps.length > 0 && steps[0]!.dueMs <= performance.now()) steps.shift()!.run();
    const [next] = steps;
    if (next !== undefined) timer = setTimeout(runDue, next.dueMs - performance.now());
  };
  const later = (run: () => void): void => {
    steps.push({ dueMs: performance.now() + delayMs * (0.5 + Math.random()), run });
    if (timer === undefined) runDue();
  };
  sockets.add(from);
  from.on('data', (chunk) =>
    later(() => {
      if (to.writable) to.write(chunk);
    }),
  );
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => {
    sockets.delete(from);
    later(() => to.destroy());
  });
  if (isStopped) from.pause();
}

async function start({ host, port }: ProxyPlan): Promise<number> {
  const listener = createServer({ noDelay: true }, (near) => {
    const far = connect({ host, port, noDelay: true });
    pass(near, far);
    pass(far, near);
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

answerCalls({
  start,
  /** Delays each chunk by this time ± 50 %; 0 for not at all. */
  delay: (ms: number) => {
    delayMs = ms;
  },
  /** Passes nothing on, and closes nothing. New connections are accepted, and get no answer. */
  stop: () => {
    isStopped = true;
    for (const socket of sockets) socket.pause();
  },
  go: () => {
    isStopped = false;
    for (const socket of sockets) socket.resume();
  },
  /** Resets every connection at both ends. */
  reset: () => {
    for (const socket of sockets) socket.resetAndDestroy();
  },
});
