// The lanes beyond the main timeline: which are open, under which reference the effect is shown, and all open ones
// stacked on one x-axis. Plotly draws them, and is loaded once somebody asks for them.
/** @import {Lane, Part, Reference, Trace} from './types.d.ts' */
/** @import {View} from './view.js' */
import {key} from './chart.js';
import {find, make} from './dom.js';
import {isNumber, secondSpan} from './numbers.js';
import {isOfStability, stabilityWords} from './stability.js';
import {remember, remembered} from './storage.js';

const TITLE_PX = 24; // a heading is a button
const GROUP_PX = 24;
const BOTTOM_PX = 40; // of the figure: ticks and the axis's title
const FOLD = 'more lanes'; // where it is remembered whether they are open at all
const MAIN = 'sound'; // stands in the main timeline, as it is
const GREY = 'rgba(128,138,153,0.22)';

/** A heading of the stack, of a group or of a lane.
 * @typedef {{top: number, key: string, title: string, detail: string, warning?: string, open: boolean,
 *   lane?: Lane}} Row */

export class Lanes {
  /** Which were opened or closed by hand: lane or group → open.
   * @type {{[key: string]: boolean}} */
  folds = remembered('folds', {});
  /** Which parts of the effect are drawn.
   * @type {{[part: string]: boolean}} */
  parts = remembered('parts', {audio: true, video: true, interaction: false, whisker: true});
  /** Index of the reference that stands in place of a second. */
  reference = 0;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.fold = find(view.root, '.s2s-more', HTMLDetailsElement);
    this.stable = view.find('.s2s-stable');
    this.host = view.find('.s2s-folds');
    this.hatches = view.find('.s2s-hatches');
  }

  load() {
    this.reference = 0;
    this.fold.open = Boolean(this.folds[FOLD]);
    this.drawLegend();
    this.drawUnfamiliar();
    const words = stabilityWords(this.view.payload);
    this.stable.hidden = !words.length;
    this.stable.replaceChildren(...words.map(sentence => make('p', {}, sentence)));
  }

  /** What somebody has just asked for is open and in sight. */
  showStability() {
    const lanes = this.view.payload.lanes.filter(isOfStability);
    if (!lanes.length) return;
    for (const {layout} of lanes) {
      this.folds[layout.meta.key] = true;
      this.folds[groupKey(layout.meta.group)] = true;
    }
    this.folds[FOLD] = this.fold.open = true;
    remember('folds', this.folds);
    this.view.timeline.draw().then(() => this.stable.scrollIntoView({block: 'start'}));
  }

  // ---- folding ----------------------------------------------------------------------------------------------------

  get isOpen() {
    return this.fold.open;
  }

  /** The fold of all of them was opened or closed. */
  toggled() {
    if (this.isOpen === Boolean(this.folds[FOLD])) return; // by load()
    this.folds[FOLD] = this.isOpen;
    remember('folds', this.folds);
    if (this.view.data) this.view.timeline.draw();
  }

  /** @param {string} group */
  isGroupOpen(group) {
    return group === 'evidence' || Boolean(this.folds[groupKey(group)]);
  }

  /** @param {string} key @param {boolean} open */
  setOpen(key, open) {
    this.folds[key] = open;
    remember('folds', this.folds);
    this.view.timeline.draw().then(() => this.headingOf(key)?.focus());
  }

  /** @param {string} key @returns {HTMLElement | null} */
  headingOf(key) {
    return this.host.querySelector(`[data-key="${CSS.escape(key)}"]`);
  }

  /** The headings from the top, with their place in px, and the height of all. */
  stacked() {
    /** @type {Row[]} */
    const rows = [];
    let top = 0;
    for (const [group, title] of this.view.payload.groups) {
      const isOf = (/** @type {Lane} */ {layout: {meta}}) => meta.group === group && meta.key !== MAIN;
      const members = this.view.payload.lanes.filter(isOf);
      if (!members.length) continue;
      const open = this.isGroupOpen(group);
      if (title) {
        rows.push({top, key: groupKey(group), title: `${title} (${members.length})`, detail: along(members), open});
        top += GROUP_PX;
      }
      for (const lane of open ? members : []) {
        const {key, title, detail, warning} = lane.layout.meta;
        const open = this.folds[key] ?? lane.layout.meta.open;
        rows.push({top, key, title, detail, warning, open, lane});
        top += TITLE_PX + (open ? lane.layout.height : 0);
      }
    }
    return {rows, height: top};
  }

  /** @param {Row[]} rows */
  drawHeadings(rows) {
    const heading = (/** @type {Row} */ row) =>
      make(
        'button',
        {
          type: 'button',
          class: 's2s-fold' + (row.lane ? '' : ' is-group'),
          'data-key': row.key,
          'aria-expanded': String(row.open),
          style: `top:${row.top}px`,
          title: row.detail,
          onclick: () => this.setOpen(row.key, !row.open),
        },
        make('i', {'aria-hidden': 'true'}, row.open ? '▾' : '▸'),
        make('b', {}, row.title),
        row.warning ? make('em', {}, ' ⚠ ' + row.warning) : null,
        row.detail ? make('span', {}, ' ' + row.detail) : null,
      );
    this.host.replaceChildren(...rows.map(heading));
  }

  // ---- the figure -------------------------------------------------------------------------------------------------

  /** All open lanes as one figure of Plotly. */
  figure() {
    const {view} = this;
    const {axis} = view.timeline;
    const {rows, height: inner} = this.stacked();
    const words = Array.from({length: view.count}, (_, second) => this.hoverWords(second));
    /** @type {Trace[]} */
    const data = [];
    /** @type {{[field: string]: any, shapes: object[]}} */
    const layout = {
      width: axis.width,
      height: inner + BOTTOM_PX,
      margin: {l: axis.left, r: axis.right, t: 0, b: BOTTOM_PX},
      barmode: 'overlay',
      dragmode: false,
      hovermode: 'closest',
      shapes: [],
      xaxis: this.timeAxis(),
    };
    let openLanes = 0;
    for (const {lane, open, top} of rows) {
      if (!lane || !open) continue;
      openLanes += 1;
      const number = openLanes > 1 ? openLanes : '';
      const {yaxis, shapes, height} = lane.layout;
      const bottom = inner - top - TITLE_PX - height;
      const domain = [Math.max(bottom / inner, 0), (bottom + height) / inner];
      layout['yaxis' + number] = {...yaxis, domain, anchor: 'x'};
      for (const trace of lane.data) data.push(this.chosen(trace, lane, 'y' + number, words));
      for (const shape of shapes) layout.shapes.push({...shape, yref: 'y' + number});
    }
    if (!openLanes) layout.yaxis = {visible: false, anchor: 'x', domain: [0, 1]};
    const {duration} = view.payload.clip;
    if (duration < view.count) {
      // what was padded is no sound and no picture
      const [x, y] = [
        {xref: 'x', x0: duration, x1: view.count},
        {yref: 'paper', y0: 0, y1: 1},
      ];
      layout.shapes.push({type: 'rect', ...x, ...y, fillcolor: GREY, line: {width: 0}, layer: 'below'});
    }
    this.drawHeadings(rows);
    return {data, layout};
  }

  timeAxis() {
    const {axis} = this.view.timeline;
    const {start} = this.view.payload.clip;
    return {
      range: [axis.from, axis.to],
      dtick: axis.tickStep,
      tick0: 0,
      zeroline: false,
      anchor: 'free',
      position: 0,
      title: {
        text: start ? `time in the analysed part, s (it begins at ${start} s of the file)` : 'time, s',
        standoff: 4,
      },
    };
  }

  /** @param {number} second */
  hoverWords(second) {
    const {partial, duration} = this.view.payload.clip;
    const end = partial && second === this.view.count - 1 ? ` (partial, ends at ${duration.toFixed(2)} s)` : '';
    return secondSpan(second) + end;
  }

  /** A trace on its axis, with the parts and the reference that are chosen.
   * @param {Trace} trace @param {Lane} lane @param {string} yaxis @param {string[]} words of each second
   * @returns {Trace} */
  chosen(trace, lane, yaxis, words) {
    /** @type {Trace} */
    const out = {...trace, yaxis};
    if (out.x.length === this.view.count) out.customdata = words;
    const part = trace.meta?.part;
    const {key} = lane.layout.meta;
    if (!key.startsWith('effect ') || !part) return out;
    if (part in this.parts) out.visible = this.parts[part];
    const target = this.view.payload.targets.find(({name}) => key === 'effect ' + name);
    const effects = target?.references[this.reference];
    if (!effects) return out; // nothing was measured but what the lane holds
    if (part === 'raises') out.y = effects.whole.map(value => (isNumber(value) && value >= 0 ? value : null));
    else if (part === 'lowers') out.y = effects.whole.map(value => (isNumber(value) && value < 0 ? value : null));
    else if (part in effects) out.y = effects[/** @type {Part} */ (part)];
    return out;
  }

  // ---- the legend, which also chooses what the effect lanes show --------------------------------------------------

  drawLegend() {
    const {clip, targets, unfamiliar} = this.view.payload;
    const references = targets[0]?.references ?? [];
    const line = this.view.count > 60 ? ' is-line' : ''; // as plots/ draws them
    const items = [key('s2s-key-up', 'raises the prediction'), key('s2s-key-down', 'lowers it')];
    if (clip.has_audio && clip.has_video) {
      items.push(this.partKey('audio', 's2s-key-sound' + line, 'effect of the sound alone'));
      items.push(this.partKey('video', 's2s-key-picture' + line, 'effect of the picture alone'));
      if (references.length) {
        items.push(
          this.partKey('interaction', 's2s-key-interaction' + line, 'interaction: beyond sound and picture alone'),
        );
      }
    }
    if (references.length > 1) {
      items.push(this.partKey('whisker', 's2s-key-whisker', 'range over the references'));
    }
    if (unfamiliar.seconds.length) items.push(key('s2s-key-unfamiliar', 'unfamiliar to the model'));
    if (clip.partial) items.push(key('s2s-key-partial', 'last second: only a part'));
    if (references.length > 1) items.unshift(this.referenceChoice(references));
    this.view.find('.s2s-parts').replaceChildren(...items);
  }

  /** @param {Reference[]} references */
  referenceChoice(references) {
    const select = make('select', {
      onchange: () => {
        this.reference = Number(select.value);
        this.view.timeline.draw();
      },
    });
    const names = references.map(referenceName);
    select.append(...names.map((name, i) => make('option', {value: i, selected: i === this.reference}, name)));
    return make('label', {class: 's2s-choice'}, 'Reference that replaces a second: ', select);
  }

  /** An entry of the legend that draws or hides its part of the effect.
   * @param {string} part @param {string} mark @param {string} words */
  partKey(part, mark, words) {
    const input = make('input', {
      type: 'checkbox',
      checked: this.parts[part],
      onchange: () => {
        this.parts[part] = input.checked;
        remember('parts', this.parts);
        this.view.timeline.draw();
      },
    });
    return make('label', {}, input, make('i', {class: mark}), words);
  }

  // ---- seconds that are unfamiliar to the model -------------------------------------------------------------------

  drawUnfamiliar() {
    const {seconds, words} = this.view.payload.unfamiliar;
    const hatch = (/** @type {[number, number]} */ [from, to]) => make('i', {'data-from': from, 'data-to': to});
    this.hatches.replaceChildren(...runs(seconds).map(hatch));
    const list = this.view.find('.s2s-unfamiliar');
    const more = words.length > 12 ? ` · and ${words.length - 12} more, in the table` : '';
    list.hidden = !words.length;
    list.replaceChildren(make('b', {}, 'Unfamiliar to the model: '), words.slice(0, 12).join(' · ') + more);
  }

  placeHatches() {
    for (const mark of /** @type {Iterable<HTMLElement>} */ (this.hatches.children)) {
      const {left, right} = this.view.timeline.axis.interval(Number(mark.dataset.from), Number(mark.dataset.to));
      mark.hidden = right <= left;
      mark.style.left = left + 'px';
      mark.style.width = Math.max(right - left, 1) + 'px';
    }
  }
}

/** What stands in the place of a second; and whether it was measured without the sound or the picture alone.
 * @param {Reference} effects */
export function referenceName({reference, whole, audio}) {
  return whole.some(isNumber) && !audio.some(isNumber) ? reference + ' (whole seconds alone)' : reference;
}

/** @param {string} group */
function groupKey(group) {
  return 'group ' + group;
}

/** Which lanes of a folded group correlate with an effect: visible before anybody opens it. @param {Lane[]} members */
function along(members) {
  const titles = members.filter(lane => lane.layout.meta.along).map(lane => lane.layout.meta.title);
  return titles.length ? `correlated with an effect here: ${titles.join(', ')}` : '';
}

/** Sorted seconds → the intervals that they fill. @param {number[]} seconds @returns {[from: number, to: number][]} */
export function runs(seconds) {
  /** @type {[number, number][]} */
  const intervals = [];
  for (const second of seconds) {
    const last = intervals.at(-1);
    if (last && last[1] === second) last[1] = second + 1;
    else intervals.push([second, second + 1]);
  }
  return intervals;
}
