import type { ClientTopic, Member, Message, Position } from '../../client/index.ts';
import { printable } from '../../protocol/index.ts';
import type { CommandIo } from '../command.ts';
import { messageFields, type PrintEvent } from '../connection-events.ts';
import { messageLine } from '../shown-message.ts';

/** What `hawser subscribe` tells its user. */
export interface SubscribeReport {
  open(url: string): void;
  subscribed(topic: string, position: Position | undefined): void;
  message(topic: string, message: Message, position: Position | undefined): void;
  recovered(topic: string, missed: number): void;
  lost(topic: string, position: Position | undefined): void;
  joined(topic: string, member: Member): void;
  left(topic: string, key: string): void;
  down(why: string): void;
  retry(delayMs: number): void;
  problem(message: string): void;
  end(topic: string, position: Position | undefined): void;
}

const fields = (position: Position | undefined): { epoch: string | null; offset: number | null } => ({
  epoch: position?.epoch ?? null,
  offset: position?.offset ?? null,
});

/** One object per line for every event. */
export const jsonReport = (print: PrintEvent): SubscribeReport => ({
  open: (url) => print('open', { url }),
  subscribed: (topic, position) => print('subscribed', { topic, ...fields(position) }),
  message: (topic, message, position) =>
    print('message', { topic, ...fields(position), ...messageFields(message) }),
  recovered: (topic, missed) => print('recovered', { topic, missed }),
  lost: (topic, position) => print('lost', { topic, ...fields(position) }),
  joined: (topic, { key, info, since, connections }) =>
    print('join', { topic, key, info: info ?? null, since: since.toISOString(), connections }),
  left: (topic, key) => print('leave', { topic, key }),
  down: (why) => print('down', { message: why }),
  retry: (delayMs) => print('retry', { delayMs: Math.round(delayMs) }),
  problem: (message) => print('error', { message }),
  end: (topic, position) => print('end', { topic, ...fields(position) }),
});

const shown = ({ epoch, offset }: Position): string => `${epoch}:${offset}`;

/** Messages to standard output, everything else to standard error. @param isTagged Each message begins with its topic. */
export function textReport(io: Pick<CommandIo, 'out' | 'err'>, isTagged: boolean): SubscribeReport {
  const say = (topic: string, what: string): void => io.err(`${printable(topic)}: ${printable(what)}`);
  const at = (position: Position | undefined): string =>
    position === undefined ? '' : `, position ${shown(position)}`;
  return {
    open: (url) => io.err(`connected to ${url}`),
    subscribed: (topic, position) => say(topic, `subscribed${at(position)}`),
    message: (topic, message) =>
      io.out(isTagged ? `${printable(topic)}\t${messageLine(message)}` : messageLine(message)),
    recovered: (topic, missed) =>
      say(topic, missed === 1 ? 'recovered 1 missed message' : `recovered ${missed} missed messages`),
    lost: (topic, position) => say(topic, `messages are lost; the topic goes on${at(position)}`),
    joined: (topic, { key, info }) =>
      say(topic, `${key} is here${info === undefined || info === null ? '' : ` ${JSON.stringify(info)}`}`),
    left: (topic, key) => say(topic, `${key} has left`),
    down: (why) => io.err(printable(why)),
    retry: (delayMs) => io.err(`connecting again in ${(delayMs / 1_000).toFixed(1)} s`),
    problem: (message) => io.err(`hawser: ${printable(message)}`),
    end: (topic, position) => {
      if (position !== undefined) say(topic, `continue with --since ${shown(position)}`);
    },
  };
}

/** Reports the events of a topic, except its messages. */
export function reportTopic(topic: ClientTopic, report: SubscribeReport): void {
  const { name } = topic;
  topic.on('recovered', ({ missed }) => report.recovered(name, missed));
  topic.on('lost', ({ position }) => report.lost(name, position));
  topic.on('join', (member) => report.joined(name, member));
  topic.on('leave', (key) => report.left(name, key));
  topic.subscribed().then(
    (position) => report.subscribed(name, position),
    // The event `error` of the topic has the reason.
    () => undefined,
  );
}
