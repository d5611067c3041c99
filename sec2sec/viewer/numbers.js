// Numbers, times and places in words. Nothing here knows the page.

/** @param {unknown} value @returns {value is number} */
export function isNumber(value) {
  return typeof value === 'number' && isFinite(value);
}

const NONE = '–';

/** A share with one decimal. @param {unknown} value */
export function percent(value) {
  return isNumber(value) ? (100 * value).toFixed(1) + ' %' : NONE;
}

/** A share without decimals. @param {unknown} value */
export function wholePercent(value) {
  return isNumber(value) ? Math.round(100 * value) + ' %' : NONE;
}

/** An effect, with its sign where it does not round to nothing. @param {unknown} value */
export function signed(value) {
  if (!isNumber(value)) return NONE;
  const digits = Math.abs(value).toFixed(3);
  return (Number(digits) ? (value < 0 ? '−' : '+') : '') + digits;
}

/** A change with its sign, or ± where it rounds to nothing. @param {number} value @param {number} decimals */
export function change(value, decimals) {
  const sign = Math.abs(value) < 0.5 * 10 ** -decimals ? '±' : value < 0 ? '−' : '+';
  return sign + Math.abs(value).toFixed(decimals);
}

/** A rank correlation. @param {unknown} value */
export function correlation(value) {
  return isNumber(value) ? withMinus(value.toFixed(2)) : NONE;
}

/** A measured quantity of any size. @param {unknown} value */
export function plain(value) {
  if (!isNumber(value)) return NONE;
  if (Number.isInteger(value)) return withMinus(String(value));
  return withMinus(value.toFixed(Math.abs(value) < 100 ? 2 : 0));
}

/** @param {string} digits */
function withMinus(digits) {
  return digits.replace('-', '−');
}

/** A second, or several in a row, by where they begin and end on the axis.
 * @param {number} first @param {number} [end] */
export function secondSpan(first, end = first + 1) {
  return `${first}–${end} s`;
}

/** One of `count` equal moments of a second. @param {number} index @param {number} count */
export function momentSpan(index, count) {
  return `${halfToEven((1000 * index) / count)}–${halfToEven((1000 * (index + 1)) / count)} ms`;
}

/** As Python rounds, which writes the same moments on the axes. @param {number} value */
function halfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** The MFCC coefficients of a band. @param {number} band @param {number} bands @param {number} coefficients */
export function bandSpan(band, bands, coefficients) {
  const first = Math.floor((coefficients * band) / bands);
  const last = Math.max(Math.floor((coefficients * (band + 1)) / bands) - 1, first);
  return `${first}–${last}`;
}

/** What the bands of the sound are, as the title of an axis. */
export const SOUND_AXIS = {mfcc: 'texture (MFCC)', mel: 'frequency (mel bands)', none: 'all frequencies'};

/** A band of the sound in words. @param {number} band @param {number} bands @param {number} rows of the sound's image
 * @param {keyof typeof SOUND_AXIS} kind */
export function bandWords(band, bands, rows, kind) {
  if (kind === 'none') return SOUND_AXIS.none;
  return `${kind === 'mel' ? 'mel bands' : 'texture'} ${bandSpan(band, bands, rows)}`;
}

/** Seconds between ticks: at most 15 of them up to half an hour. @param {number} span seconds on the axis */
export function tickStep(span) {
  return [1, 2, 5, 10, 15, 30, 60, 120].find(step => span / step <= 15) ?? 240;
}

/** A share of a scale as it is on it. @param {number} share @param {import('./types.d.ts').ScaleEnds} scale */
export function onScale(share, [lowest, highest]) {
  return lowest + share * (highest - lowest);
}

/** Whether a scale is another than 0 to 1. @param {import('./types.d.ts').ScaleEnds} scale */
export function isPeoples([lowest, highest]) {
  return lowest !== 0 || highest !== 1;
}

/** A prediction as it is written: with the one place that people's answers can tell, or with two of 0 to 1.
 * @param {number} share @param {import('./types.d.ts').ScaleEnds} scale */
export function predictionWords(share, scale) {
  return onScale(share, scale).toFixed(isPeoples(scale) ? 1 : 2);
}
