import type { RecentMissed } from './recent-missed.ts';
import type { RecoveryBudget, Resumable, Resume } from './recovery.ts';
import type { TopicStream } from './topic-stream.ts';

/** The topic that is resumed. */
export interface ResumedTopic {
  /** The position is known, and local subscribers have everything up to it. */
  readonly isLive: boolean;
  readonly stream: TopicStream;
  /** Reads of the history that began. */
  readonly reads: number;
  /** The next read must be of the whole history. */
  readAll(): void;
  fill(): void;
  /** Calls {@link TopicResumes.serve} at the end of this turn, if the topic is live then. */
  serveLater(): void;
  /** A resume is over. */
  resumeOver(): void;
}

const NOTHING_SENT = (): void => {};

/** Who waits to resume one topic, and the decision what each of them gets. */
export class TopicResumes implements Resumable {
  readonly #topic: ResumedTopic;
  readonly #recovery: RecoveryBudget;
  readonly #recent: RecentMissed;
  #waiting: Resume[] = [];
  /** Resumes that wait for room in the recovery budget. */
  #queued = 0;

  constructor(topic: ResumedTopic, recovery: RecoveryBudget, recent: RecentMissed) {
    this.#topic = topic;
    this.#recovery = recovery;
    this.#recent = recent;
  }

  /** Resumes that wait for the topic, not for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether a resume waits. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#queued === 0;
  }

  add(resume: Resume): void {
    this.#waiting.push(resume);
  }

  /** Fails the resumes that were asked for before a time. */
  expire(beforeMs: number): void {
    this.#waiting = this.#waiting.filter((resume) => {
      if (!resume.isOver && resume.askedMs > beforeMs) return true;
      resume.failed('unavailable', undefined);
      return false;
    });
  }

  /** Answers the resumes that can be answered now, of a topic that is live. */
  serve(): void {
    const resumes = this.#waiting;
    this.#waiting = [];
    for (const resume of resumes) {
      if (resume.isOver) continue;
      if (!this.#recovery.isFree || !this.answer(resume)) {
        this.#queued++;
        resume.decidingRead = 0;
        this.#recovery.queue(this, resume);
      }
    }
    if (this.#waiting.length > 0) this.#topic.fill();
    this.#topic.resumeOver();
  }

  answer(resume: Resume): boolean {
    const topic = this.#topic;
    if (!topic.isLive) {
      this.#waiting.push(resume);
      return true;
    }
    const { since } = resume;
    const { tail } = topic.stream;
    const current = topic.stream.position!;
    if (since === undefined) {
      resume.resumed({ recovered: false, position: current, missed: [], run: undefined }, NOTHING_SENT);
      return true;
    }
    const { after, isWhole } = tail;
    const isSame = since.epoch === current.epoch;
    const recovered = isSame && since.offset >= after && since.offset <= current.offset;
    if (!recovered) {
      const wasRead = resume.decidingRead > 0 && topic.reads >= resume.decidingRead;
      // A client may be ahead of this node. A position before the whole history cannot be found by a read.
      if (!wasRead && (!isWhole || !isSame || since.offset > current.offset)) {
        resume.decidingRead = topic.reads + 1;
        if (!isWhole) topic.readAll();
        this.#waiting.push(resume);
        topic.serveLater();
        return true;
      }
    }
    const from = recovered ? since.offset : after;
    const missed = this.#recent.since(topic.stream, from);
    const run = resume.runOf(missed);
    const sent = this.#recovery.take(run?.bytes ?? 0);
    if (sent === undefined) return false;
    const position = { epoch: current.epoch, offset: from };
    resume.resumed({ recovered, position, missed: missed.messages, run }, sent);
    return true;
  }

  over(_resume: Resume): void {
    this.#queued--;
    this.#topic.resumeOver();
  }
}
