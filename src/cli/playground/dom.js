/** What every part of the page needs of the document, and how it writes values. */
export const byId = (id) => document.getElementById(id);
export const all = (selector) => document.querySelectorAll(selector);
export const meta = (name) => document.querySelector(`meta[name=${name}]`).content;
export const element = (name, className, text) =>
  Object.assign(document.createElement(name), { className, textContent: text });

/** `echo`, `relay`, `topics`: what the server of this page does. `site`: the page belongs to no server. */
const MODE = meta('hawser-mode');
export const IS_SITE = MODE === 'site';
export const mode = () => (IS_SITE ? byId('speak').value : MODE);
export const isTopics = () => mode() === 'topics';
export const isSmall = () => matchMedia('(max-width: 52rem)').matches;

const encoder = new TextEncoder();
export const sizeOf = (data) => (typeof data === 'string' ? encoder.encode(data).length : data.byteLength);
export const quoted = (reason) => (reason === '' ? '' : ` “${reason}”`);
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const count = (number, one, many) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
export const ms = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time).toLocaleString('en')} ms`;

export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < 3) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB'][unit]}`;
}

/** Shows a mistake next to the message that the user writes; `''` removes it. */
export function complain(text) {
  byId('problem').textContent = text;
  byId('problem').hidden = text === '';
}
