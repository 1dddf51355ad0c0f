import { ADMIN_SORTS, type AdminSort, type AdminView } from './snapshot.ts';

export const DEFAULT_VIEW: AdminView = Object.freeze({ sort: 'buffered', limit: 50, filter: '' });
const MAX_ROWS = 500;
const MAX_FILTER_CHARS = 200;

const isSort = (value: unknown): value is AdminSort => ADMIN_SORTS.some((sort) => sort === value);

/**
 * Reads what a viewer wants to see.
 * @param given A JSON value, or the parameters of a query.
 * @param before What it saw before; members that are not given stay.
 * @returns The view, or a sentence that says what is wrong.
 */
export function readView(given: unknown, before: AdminView = DEFAULT_VIEW): AdminView | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return 'a view is a JSON object with sort, limit or filter';
  for (const name of Object.keys(given))
    if (!Object.hasOwn(DEFAULT_VIEW, name)) return 'a view has the members sort, limit and filter only';
  const { sort, limit, filter }: Record<keyof AdminView, unknown> = { ...before, ...given };
  if (!isSort(sort)) return `sort must be one of ${ADMIN_SORTS.join(', ')}`;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MAX_ROWS)
    return `limit must be a whole number from 1 to ${MAX_ROWS}`;
  if (typeof filter !== 'string' || filter.length > MAX_FILTER_CHARS)
    return `filter must be a text of at most ${MAX_FILTER_CHARS} characters`;
  return { sort, limit, filter };
}

/** Reads the query of `/connections`. */
export function viewOfQuery(query: URLSearchParams): AdminView | string {
  const given: Record<string, unknown> = Object.create(null);
  for (const [name, value] of query) {
    if (name in given) return `${name === 'sort' || name === 'limit' ? name : 'a parameter'} is given twice`;
    given[name] = name === 'limit' && /^\d{1,4}$/.test(value) ? Number(value) : value;
  }
  return readView(given);
}

/** Two viewers with equal keys see the same rows. */
export const keyOf = ({ sort, limit, filter }: AdminView): string => `${sort} ${limit} ${filter}`;
