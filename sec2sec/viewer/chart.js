// The main timeline as a drawing of its own: sound, what was planted, and for each target effect and attention on one
// axis. It is there at once, without a library.
/** @import {MainLane} from './scales.js' */
/** @import {View} from './view.js' */
import {make, makeSvg} from './dom.js';
import {explained} from './glossary.js';
import {isNumber, percent, secondSpan, signed} from './numbers.js';
import {
  attentionTop,
  effectScale,
  effectsOf,
  effectTick,
  mainLanes,
  plantedWords,
  roundBelow,
  strongest,
} from './scales.js';

const AXIS_PX = 26; // below the lanes: ticks and what they count
const FILE_PX = 14; // more of it where a part is shown: the time in the file
const NARROW_BAR_PX = 6; // below it bars leave no gap
const WORD_PX = 48; // that “planted” needs
const NUMBER_PX = 13; // that a number above or below a bar needs

/** Where a value lies, px from the top. @typedef {(value: number) => number} YOf */

export class Chart {
  /** @type {MainLane[]} */
  lanes = [];
  /** px, of the lanes alone. */
  height = 0;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.host = view.find('.s2s-chart');
    this.names = view.find('.s2s-names');
  }

  load() {
    const {payload} = this.view;
    ({lanes: this.lanes, height: this.height} = mainLanes(payload));
    this.scale = effectScale(payload.targets);
    this.attentionTop = attentionTop(payload.targets, this.view.count);
    this.host.setAttribute('aria-label', this.words());
    this.names.replaceChildren(...this.lanes.map(lane => laneName(lane, payload.glossary)));
    this.drawKeys();
  }

  /** px below the lanes. */
  get foot() {
    return AXIS_PX + (this.view.payload.clip.start ? FILE_PX : 0);
  }

  words() {
    const {planted = {}} = this.view.payload;
    const names = this.lanes.filter(lane => lane.kind === 'target').map(lane => lane.name);
    const what = `Timeline: effect and attention of ${names.join(', ')}; the table below holds the figures`;
    return [what, ...plantedWords(planted)].join('. ');
  }

  draw() {
    const {view} = this;
    const {axis} = view.timeline;
    const height = this.height + this.foot;
    const drawing = makeSvg('svg', {width: axis.width, height, viewBox: `0 0 ${axis.width} ${height}`});
    drawing.append(...this.padded());
    for (const lane of this.lanes) {
      drawing.append(
        makeSvg('path', {class: 's2s-rule', d: `M${axis.left} ${lane.top + lane.height}H${axis.width - axis.right}`}),
      );
      if (lane.kind === 'sound') drawing.append(this.sound(lane));
      else if (lane.kind === 'planted') drawing.append(...this.planted(lane));
      else drawing.append(...this.target(lane));
    }
    drawing.append(...this.ticks());
    this.host.replaceChildren(drawing);
  }

  // ---- lanes ------------------------------------------------------------------------------------------------------

  /** What was padded is no sound and no picture. */
  padded() {
    const {view} = this;
    const {axis} = view.timeline;
    const {left, right} = axis.interval(view.payload.clip.duration, view.count);
    if (right - left < 0.5) return [];
    return [makeSvg('rect', {class: 's2s-padded', x: left, y: 0, width: right - left, height: this.height})];
  }

  /** The lowest and the highest sample, as a band. @param {MainLane} lane */
  sound({top, height}) {
    const {axis} = this.view.timeline;
    const lane = this.view.payload.lanes.find(({layout}) => layout.meta.key === 'sound');
    const [low, high] = lane?.data ?? [];
    const middle = top + height / 2;
    const reach = height / 2 - 2;
    /** @type {string[]} */
    const upper = [];
    /** @type {string[]} */
    const lower = [];
    low.x.forEach((/** @type {number} */ time, /** @type {number} */ i) => {
      if (time < axis.from || time > axis.to) return;
      const x = axis.xOf(time).toFixed(1);
      upper.push(`${x} ${(middle - reach * (high.y[i] ?? 0)).toFixed(1)}`);
      lower.unshift(`${x} ${(middle - reach * (low.y[i] ?? 0)).toFixed(1)}`);
    });
    return makeSvg('path', {class: 's2s-wave', d: upper.length ? `M${[...upper, ...lower].join('L')}Z` : ''});
  }

  /** A box for each second, with the word where there is room. @param {MainLane} lane */
  planted({top, height, seconds = []}) {
    const {axis} = this.view.timeline;
    const shown = seconds.filter(second => axis.shows(second));
    return shown.flatMap(second => {
      const {left, right} = axis.interval(second, second + 1);
      const [x, width] = [left + 1, Math.max(right - left - 2, 2)];
      const box = makeSvg('rect', {class: 's2s-planted', x, y: top + 3, width, height: height - 6, rx: 3});
      if (width < WORD_PX) return [box];
      const at = {class: 's2s-planted-word', x: x + width / 2, y: top + height / 2 + 4};
      return [box, makeSvg('text', at, 'planted')];
    });
  }

  /** @param {MainLane} lane */
  target({top, height, target}) {
    const {scale, attentionTop} = this;
    if (!target || !scale || !attentionTop) return [];
    const {high, low} = scale;
    const px = height - NUMBER_PX - (low < -0.2 * high ? NUMBER_PX : 3); // the number of a bar up stands above it
    /** @type {YOf} */
    const yOf = value => top + NUMBER_PX + (px * (high - value)) / (high - low);
    /** @type {YOf} */
    const yOfShare = share => yOf(0) - ((yOf(0) - yOf(high)) * share) / attentionTop;
    const effects = effectsOf(target);
    const {axis} = this.view.timeline;
    return [
      makeSvg('path', {class: 's2s-zero', d: `M${axis.left} ${yOf(0).toFixed(1)}H${axis.width - axis.right}`}),
      makeSvg('path', {class: 's2s-up', d: this.bars(effects, 1, yOf)}),
      makeSvg('path', {class: 's2s-down', d: this.bars(effects, -1, yOf)}),
      ...(target.attention
        ? [makeSvg('path', {class: 's2s-attention', d: this.steps(target.attention, yOfShare)})]
        : []),
      ...this.strongestInNumbers(effects, yOf),
      ...this.scales(target.attention !== null, yOf, yOfShare),
    ];
  }

  /** Bars of one sign, up or down from zero. @param {(number | null)[]} values @param {1 | -1} sign @param {YOf} yOf */
  bars(values, sign, yOf) {
    const {axis} = this.view.timeline;
    const wide = axis.plotWidth / axis.span;
    const gap = wide < NARROW_BAR_PX ? 0 : Math.min(0.14 * wide, 8);
    const zero = yOf(0);
    let path = '';
    for (let second = axis.from; second < Math.min(axis.to, values.length); second++) {
      const value = values[second];
      if (!isNumber(value) || Math.sign(value) !== sign) continue;
      const height = (yOf(value) - zero).toFixed(1);
      const width = (wide - 2 * gap).toFixed(1);
      path += `M${(axis.xOf(second) + gap).toFixed(1)} ${zero.toFixed(1)}v${height}h${width}V${zero.toFixed(1)}z`;
    }
    return path;
  }

  /** An outline with a step for each second. @param {number[]} shares @param {YOf} yOf */
  steps(shares, yOf) {
    const {axis} = this.view.timeline;
    const end = Math.min(axis.to, shares.length);
    let path = `M${axis.xOf(axis.from).toFixed(1)} ${yOf(0).toFixed(1)}`;
    for (let second = axis.from; second < end; second++) {
      path += `V${yOf(shares[second]).toFixed(1)}H${axis.xOf(second + 1).toFixed(1)}`;
    }
    return path + `V${yOf(0).toFixed(1)}`;
  }

  /** The number of the strongest effect, at the end of its bar. @param {(number | null)[]} effects @param {YOf} yOf */
  strongestInNumbers(effects, yOf) {
    const {axis} = this.view.timeline;
    const second = strongest(effects);
    if (second === null || !axis.shows(second)) return [];
    const value = effects[second] ?? 0;
    const y = yOf(value) + (value < 0 ? NUMBER_PX : -3);
    return [makeSvg('text', {class: 's2s-number', x: axis.xOf(second + 0.5), y}, signed(value))];
  }

  /** The scale of the effect at the left and that of attention at the right.
   * @param {boolean} hasAttention @param {YOf} yOf @param {YOf} yOfShare */
  scales(hasAttention, yOf, yOfShare) {
    const {scale, attentionTop} = this;
    const {axis} = this.view.timeline;
    if (!scale || !attentionTop) return [];
    const marks = [0, roundBelow(scale.high)];
    const below = roundBelow(-scale.low);
    if (yOf(-below) - yOf(0) > NUMBER_PX) marks.push(-below);
    const left = marks.map(mark =>
      makeSvg('text', {class: 's2s-tick is-left', x: axis.left - 5, y: yOf(mark) + 4}, effectTick(mark)),
    );
    if (!hasAttention) return left;
    const x = axis.width - axis.right + 5;
    const right = [0, roundBelow(attentionTop)].map(share =>
      makeSvg('text', {class: 's2s-tick', x, y: yOfShare(share) + 4}, share ? shareTick(share) : '0'),
    );
    return [...left, ...right];
  }

  // ---- the axis ---------------------------------------------------------------------------------------------------

  /** Times below the lanes; of a part also those in the file. */
  ticks() {
    const {view, height} = this;
    const {axis} = view.timeline;
    const {start} = view.payload.clip;
    const step = axis.tickStep;
    const end = axis.width - axis.right;
    const drawing = [makeSvg('path', {class: 's2s-axis is-line', d: `M${axis.left} ${height}H${end}`})];
    for (let time = Math.ceil(axis.from / step) * step; time <= axis.to; time += step) {
      const x = axis.xOf(time);
      drawing.push(makeSvg('path', {class: 's2s-axis', d: `M${x} ${height}v4`}));
      drawing.push(makeSvg('text', {class: 's2s-tick is-middle', x, y: height + 15}, String(time)));
      const inFile = String(Number((start + time).toFixed(2)));
      if (start) drawing.push(makeSvg('text', {class: 's2s-tick is-middle', x, y: height + 15 + FILE_PX}, inFile));
    }
    const title = {class: 's2s-tick is-left', x: axis.left - 14};
    drawing.push(makeSvg('text', {...title, y: height + 15}, start ? 'in the part, s' : 'time, s'));
    if (start) drawing.push(makeSvg('text', {...title, y: height + 15 + FILE_PX}, 'in the file, s'));
    return drawing;
  }

  // ---- words ------------------------------------------------------------------------------------------------------

  /** A second of the lane under the pointer. @param {number} second @param {number} y px from the top of the chart */
  hoverWords(second, y) {
    const lane = this.lanes.find(({top, height}) => y >= top && y < top + height);
    const span = secondSpan(second);
    if (!lane) return span;
    if (lane.kind === 'planted') return `${span} · ${lane.seconds?.includes(second) ? 'planted' : 'not planted'}`;
    if (!lane.target) return `${span} · ${lane.name}`;
    const {name, attention} = lane.target;
    const share = attention ? `, attention ${percent(attention[second])}` : '';
    return `${span} · ${name}: effect ${signed(effectsOf(lane.target)[second])}${share}`;
  }

  /** What the marks mean, and which scale is whose. */
  drawKeys() {
    const {clip, targets, planted = {}, glossary} = this.view.payload;
    const keys = [
      ['s2s-key-up', 'bar up: the second raises the prediction'],
      ['s2s-key-down', 'bar down: it lowers it (effect, scale at the left)'],
    ];
    if (targets.some(target => target.attention)) {
      keys.push(['s2s-key-outline', 'outline: where the model looked (attention, scale at the right)']);
    }
    if (Object.keys(planted).length) keys.push(['s2s-key-planted', 'planted: what was put into this clip']);
    if (clip.partial) keys.push(['s2s-key-partial', 'last second: only a part']);
    const entry = (/** @type {string[]} */ [mark, words]) => key(mark, ...explained(words, glossary));
    this.view.find('.s2s-keys').replaceChildren(...keys.map(entry));
  }
}

/** @param {number} share */
function shareTick(share) {
  return `${Number((100 * share).toPrecision(1))} %`;
}

/** @param {MainLane} lane @param {{[term: string]: string}} [glossary] */
function laneName({kind, name, top, height}, glossary) {
  const words = make('b', {}, ...explained(name, glossary));
  return make('div', {class: `s2s-name is-${kind}`, style: `top:${top}px;height:${height}px`}, words);
}

/** An entry of a legend. @param {string} mark @param {(Node | string)[]} words */
export function key(mark, ...words) {
  return make('span', {}, make('i', {class: mark}), make('span', {class: 's2s-words'}, ...words));
}
