// The lanes that every clip has, before anything is drawn: which there are, how tall, and on which scales.
/** @import {Payload, Target} from './types.d.ts' */
import {isNumber, secondSpan} from './numbers.js';

const SMALLEST_EFFECT = 0.02; // half of the axis at least, so that noise does not look tall
const ROOM = 1.08; // of a scale beyond the largest value
const SOUND_PX = 28;
const PLANTED_PX = 22;
const TARGET_PX = 80;

/** From low to high, around zero. @typedef {{low: number, high: number}} Scale */
/** @typedef {{kind: 'sound' | 'planted' | 'target', top: number, height: number, name: string, seconds?: number[],
 *   target?: Target}} MainLane */

/** Effects of whole seconds, where the first reference replaces them. @param {Target} target */
export function effectsOf(target) {
  return target.references[0]?.whole ?? [];
}

/** One scale of the effect for all targets, so that they compare. @param {Target[]} targets @returns {Scale} */
export function effectScale(targets) {
  let [low, high] = [0, 0];
  for (const value of targets.flatMap(effectsOf)) {
    if (!isNumber(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const top = Math.max(SMALLEST_EFFECT, ROOM * high, -0.6 * low); // attention stands above zero and needs room
  return {low: -Math.max(0.12 * top, -ROOM * low), high: top};
}

/** The end of the scale of attention, one for all targets. @param {Target[]} targets @param {number} count seconds */
export function attentionTop(targets, count) {
  let top = 1 / count;
  for (const target of targets) for (const share of target.attention ?? []) top = Math.max(top, share);
  return ROOM * top;
}

/** The largest of 1, 2, 5 · 10ⁿ that is not above a limit > 0. @param {number} limit */
export function roundBelow(limit) {
  const power = 10 ** Math.floor(Math.log10(limit * (1 + 1e-9)));
  return power * ([5, 2, 1].find(step => step * power <= limit * (1 + 1e-9)) ?? 1);
}

/** A tick of the effect, with its sign. @param {number} value */
export function effectTick(value) {
  if (!value) return '0';
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(value) * (1 + 1e-9))));
  return (value < 0 ? '−' : '+') + Math.abs(value).toFixed(decimals);
}

/** From the top: the sound, and for each target what was planted for it and its own lane. Targets for which the same
 * seconds were planted share that lane. @param {Payload} payload @returns {{lanes: MainLane[], height: number}} */
export function mainLanes({lanes, targets, planted = {}}) {
  /** @type {Omit<MainLane, 'top'>[]} */
  const list = [];
  if (lanes.some(lane => lane.layout.meta.key === 'sound')) list.push({kind: 'sound', height: SOUND_PX, name: 'sound'});
  const known = targets.filter(({name}) => planted[name]);
  const isOne = known.every(({name}) => String(planted[name]) === String(planted[known[0].name]));
  if (known.length && isOne) {
    list.push({kind: 'planted', height: PLANTED_PX, name: 'planted', seconds: planted[known[0].name]});
  }
  for (const target of targets) {
    const seconds = planted[target.name];
    if (seconds && !isOne) {
      list.push({kind: 'planted', height: PLANTED_PX, name: `planted: ${target.name}`, seconds});
    }
    list.push({kind: 'target', height: TARGET_PX, name: target.name, target});
  }
  let height = 0;
  const stacked = list.map(lane => {
    const placed = {...lane, top: height};
    height += lane.height;
    return placed;
  });
  return {lanes: stacked, height};
}

/** The second that counted most: as the sentence above the timeline has it, else that of the largest effect; null
 * where nothing was measured. @param {Target[]} targets */
export function decisiveSecond(targets) {
  const [target] = targets;
  if (!target) return null;
  if (target.decisive !== undefined && target.decisive !== null) return target.decisive;
  return strongest(effectsOf(target));
}

/** The index of the largest |value|; null where there is none. @param {(number | null)[]} values */
export function strongest(values) {
  /** @type {number | null} */
  let best = null;
  values.forEach((value, i) => {
    if (isNumber(value) && Math.abs(value) > Math.abs(values[best ?? -1] ?? 0)) best = i;
  });
  return best;
}

/** The seconds that were planted, in words. @param {{[target: string]: number[]}} planted */
export function plantedWords(planted) {
  return Object.entries(planted).map(([name, seconds]) => {
    const spans = seconds.map(second => secondSpan(second)).join(', ');
    return `planted for ${name}: ${spans || 'nothing'}`;
  });
}
