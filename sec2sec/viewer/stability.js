// What the check of stability has shown, in a sentence for each target.
/** @import {Lane, Payload} from './types.d.ts' */
import {isNumber, percent, secondSpan, signed} from './numbers.js';
import {decisiveSecond, effectsOf, strongest} from './scales.js';

const KEY = /^stability (attention|effect) /;

/** Whether a lane shows how stable something is. @param {Lane} lane */
export function isOfStability(lane) {
  return KEY.test(lane.layout.meta.key);
}

/** The lowest and the highest value of each second of such a lane. @param {Lane} lane
 * @returns {[low: number | null, high: number | null][]} */
export function rangesOf(lane) {
  const whisker = lane.data.find(trace => trace.meta?.part === 'whisker');
  const ends = /** @type {(number | null)[]} */ (whisker?.y ?? []); // lowest, highest and a gap for each second
  return Array.from({length: ends.length / 3}, (_, second) => [ends[3 * second], ends[3 * second + 1]]);
}

/** @param {Payload} payload @returns {string[]} one sentence for each target and each way of measuring again */
export function stabilityWords({lanes, targets}) {
  const sentences = [];
  for (const target of targets) {
    const second = decisiveSecond([target]);
    if (second === null) continue;
    for (const lane of lanes.filter(({layout: {meta}}) => meta.key.startsWith(`stability effect ${target.name} `))) {
      const ranges = rangesOf(lane);
      const [low, high] = ranges[second] ?? [];
      if (!isNumber(low) || !isNumber(high)) continue;
      const over = lane.layout.meta.detail.replace('whisker: ', '');
      const effect = `the effect of ${secondSpan(second)} (${signed(effectsOf(target)[second])})`;
      const range = `stayed between ${signed(low)} and ${signed(high)}`;
      const attention = attentionWords(lanes, target.name, over, second);
      sentences.push(`${target.name}, ${over}: ${effect} ${range}; ${remains(ranges, second)}${attention}.`);
    }
  }
  return sentences;
}

/** Whether a second keeps its sign and its place before all others.
 * @param {[low: number | null, high: number | null][]} ranges @param {number} second */
function remains(ranges, second) {
  const [low, high] = ranges[second].map(end => end ?? 0);
  if (low < 0 && high > 0) return 'even its sign changed';
  const least = Math.min(Math.abs(low), Math.abs(high));
  const others = ranges.flatMap((ends, i) => (i === second ? [] : ends));
  const most = Math.abs(others[strongest(others) ?? -1] ?? 0);
  return least > most ? 'it counted most each time' : 'it kept its sign, and other seconds came as far';
}

/** @param {Lane[]} lanes @param {string} target @param {string} over @param {number} second */
function attentionWords(lanes, target, over, second) {
  const lane = lanes.find(({layout: {meta}}) => meta.key === `stability attention ${target} ${over}`);
  const [low, high] = (lane && rangesOf(lane)[second]) ?? [];
  return isNumber(low) && isNumber(high) ? `; its attention stayed between ${percent(low)} and ${percent(high)}` : '';
}
