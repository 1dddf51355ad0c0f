import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Follower, Ledger } from './ledger.ts';

/** A subscriber at offset 5 of epoch e. */
function follower(): { ledger: Ledger; one: Follower } {
  const ledger = new Ledger();
  const one = ledger.follower('news', 'one');
  one.subscribed(undefined, false, { epoch: 'e', offset: 5 });
  return { ledger, one };
}

const CASES: readonly {
  readonly title: string;
  readonly happens: (one: Follower, ledger: Ledger) => void;
  readonly silent: number;
  readonly twice: number;
}[] = [
  {
    title: 'messages in order',
    silent: 0,
    twice: 0,
    happens: (one) => [6, 7].forEach((at) => one.message(at, `${at}`)),
  },
  { title: 'a hole', silent: 2, twice: 0, happens: (one) => one.message(8, '8') },
  {
    title: 'a hole that was announced',
    silent: 0,
    twice: 0,
    happens(one) {
      one.lost({ epoch: 'e', offset: 7 });
      one.message(8, '8');
    },
  },
  {
    title: 'a message that comes again',
    silent: 0,
    twice: 1,
    happens(one) {
      one.message(6, '6');
      one.message(6, '6');
    },
  },
  {
    title: 'a text at two offsets',
    silent: 0,
    twice: 1,
    happens: (one) => [6, 7].forEach((at) => one.message(at, 'same')),
  },
  {
    title: 'a text in two epochs, with the loss announced',
    silent: 0,
    twice: 0,
    happens(one) {
      one.message(6, 'same');
      one.lost({ epoch: 'f', offset: 0 });
      one.message(1, 'same');
    },
  },
  {
    title: 'another text than the publisher was told',
    silent: 1,
    twice: 0,
    happens(one, ledger) {
      ledger.published('news', 'own', { epoch: 'e', offset: 6 });
      one.message(6, 'other');
    },
  },
  {
    title: 'a message that was answered as not published',
    silent: 0,
    twice: 1,
    happens(one, ledger) {
      ledger.refused('6');
      one.message(6, '6');
    },
  },
  {
    title: 'a resume that is recovered at another position',
    silent: 1,
    twice: 0,
    happens: (one) => one.subscribed({ epoch: 'e', offset: 5 }, true, { epoch: 'e', offset: 6 }),
  },
  {
    title: 'a resume that is not recovered',
    silent: 0,
    twice: 0,
    happens: (one) => one.subscribed({ epoch: 'e', offset: 5 }, false, { epoch: 'e', offset: 9 }),
  },
];

for (const { title, happens, silent, twice } of CASES)
  test(`HI-04 the ledger judges: ${title}`, () => {
    const { ledger, one } = follower();
    happens(one, ledger);
    assert.deepEqual([ledger.counts.lostSilently, ledger.counts.twice], [silent, twice]);
    assert.equal(ledger.violations.length, silent + twice > 0 ? 1 : 0);
  });
