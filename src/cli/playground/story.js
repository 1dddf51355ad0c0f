import { byId, element, ms } from './dom.js';

/** What the line of the last minute is made of: states with their beginnings, and what happened to topics. */
const STORY_MS = 60_000;
const spans = [];
const points = [];
const roundTrips = [];
const MAX_ROUND_TRIPS = 60;

export function began(state) {
  if (spans.at(-1)?.state === state) return;
  spans.push({ at: performance.now(), state });
  showLine();
}

/** @param kind `recovered` or `lost`. */
export function happened(kind, text) {
  points.push({ at: performance.now(), kind, text });
  showLine();
}

export function showLine() {
  const nowMs = performance.now();
  const from = nowMs - STORY_MS;
  while (spans.length > 1 && (spans[1].at < from || spans.length > 200)) spans.shift();
  while (points.length > 0 && (points[0].at < from || points.length > 100)) points.shift();
  const percent = (at) => Math.max(0, ((at - from) / STORY_MS) * 100);
  const parts = spans.map(({ at, state }, index) => {
    const part = element('i', state, '');
    part.style.left = `${percent(at)}%`;
    part.style.right = `${100 - percent(spans[index + 1]?.at ?? nowMs)}%`;
    part.title = state;
    return part;
  });
  const marks = points.map(({ at, kind, text }) => {
    const mark = element('b', kind, '');
    mark.style.left = `${percent(at)}%`;
    mark.title = text;
    return mark;
  });
  byId('line').replaceChildren(...parts, ...marks);
}

/** @param took Time of a round trip, in ms. */
export function measured(took) {
  roundTrips.push(took);
  if (roundTrips.length > MAX_ROUND_TRIPS) roundTrips.shift();
}

export function showRoundTrips() {
  if (roundTrips.length === 0) return;
  const sorted = roundTrips.toSorted((a, b) => a - b);
  const longest = sorted.at(-1);
  byId('rtt').textContent = ms(roundTrips.at(-1));
  byId('rtt-all').textContent = `${ms(sorted[sorted.length >> 1])}, ${ms(longest)}`;
  // One value is a line, too.
  const drawn = roundTrips.length === 1 ? [roundTrips[0], roundTrips[0]] : roundTrips;
  const placed = drawn.map((took, index) => {
    const left = (index / (drawn.length - 1)) * 100;
    return `${left.toFixed(1)},${(28 - (took / longest) * 26).toFixed(1)}`;
  });
  byId('spark').firstElementChild.setAttribute('points', placed.join(' '));
}
