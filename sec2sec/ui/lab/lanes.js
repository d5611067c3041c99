// What each second did to the prediction, before the edits and after them, on one axis and one scale for each target.
/** @import {Lab, Second, Target} from './types.d.ts' */
import {make} from '../../viewer/dom.js';
import {change, secondSpan} from '../../viewer/numbers.js';

const TICKS = 10; // numbers under the axis, at most
const SMALLEST_SCALE = 0.02; // of the prediction: small effects stay small, as in the timeline of Inspect

/** The lanes of all targets; none where effects are not measured. @param {Lab} lab */
export function drawLanes(lab) {
  const measured = lab.targets.filter(target => target.effect && target.before_effect);
  if (!measured.length) return [];
  const count = Math.max(...measured.map(({effect, before_effect}) => Math.max(length(effect), length(before_effect))));
  return [...measured.map(target => lane(target, lab.seconds, count)), axis(count)];
}

/** @param {number[] | null} values */
function length(values) {
  return values?.length ?? 0;
}

/** @param {Target} target @param {Second[]} seconds of the edited clip @param {number} count places on the axis */
function lane({name, effect, before_effect}, seconds, count) {
  const before = before_effect ?? [];
  const after = effect ?? [];
  const scale = Math.max(SMALLEST_SCALE, ...before.map(Math.abs), ...after.map(Math.abs));
  const marks = seconds.map(second => second.marks.join(', '));
  return make(
    'div',
    {class: 'lab-lane', 'data-target': name},
    make('h3', {}, name, make('em', {}, `effect of each second, ±${scale.toFixed(2)}`)),
    row('before', before, scale, count, []),
    row('after', after, scale, count, marks),
  );
}

/** @param {'before' | 'after'} when @param {number[]} values @param {number} scale @param {number} count
 * @param {string[]} marks what was done to each second, in words */
function row(when, values, scale, count, marks) {
  const cells = values.map((value, second) => {
    const words = `${secondSpan(second)}: ${change(value, 3)}` + (marks[second] ? `, ${marks[second]}` : '');
    const height = `height:${((50 * Math.abs(value)) / scale).toFixed(2)}%`;
    const bar = make('i', {class: value < 0 ? 'is-down' : 'is-up', style: height});
    return make('span', {class: marks[second] ? 'is-edited' : null, title: words}, bar);
  });
  const strongest = values.reduce((best, value, at) => (Math.abs(value) > Math.abs(values[best]) ? at : best), 0);
  const words = `${when}: ${secondSpan(strongest)} counted most, ${change(values[strongest] ?? 0, 3)}`;
  return make(
    'div',
    {class: `lab-lane-row is-${when}`},
    make('b', {}, when),
    make('div', {role: 'img', 'aria-label': words, style: `--count:${count}`}, ...cells),
  );
}

/** @param {number} count */
function axis(count) {
  const step = Math.max(1, Math.ceil(count / TICKS));
  const cells = Array.from({length: count}, (_, second) => make('span', {}, second % step ? '' : String(second)));
  return make(
    'div',
    {class: 'lab-lane-row is-axis', 'aria-hidden': 'true'},
    make('b', {}, 'time, s'),
    make('div', {style: `--count:${count}`}, ...cells),
  );
}
