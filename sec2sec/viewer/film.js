// The curve of a film above its timeline: a point for each window, on the axis of the whole; a point opens its window.
/** @import {Curve, CurveTarget} from './types.d.ts' */
/** @import {View} from './view.js' */
import {Axis} from './axis.js';
import {find, make, makeSvg} from './dom.js';
import {isPeoples, onScale, predictionWords, secondSpan} from './numbers.js';

const LANE_PX = 64; // of one target
const PAD_PX = 7; // above and below its scale
const AXIS_PX = 20; // below the lanes
const JUMP = 10; // points, of Shift and an arrow, Page Up and Page Down

export class FilmCurve {
  /** @type {Curve | null} */
  curve = null;
  /** The point that the slider is at. */
  point = 0;
  /** Of the whole film, while one of its windows is open. */
  own = new Axis();

  /** @param {View} view @param {(event: string, data?: unknown) => void} trigger @param {boolean} opens */
  constructor(view, trigger, opens) {
    this.view = view;
    this.trigger = trigger;
    this.opens = opens;
    this.root = view.find('.s2s-film');
    this.chart = find(this.root, '.s2s-film-chart', HTMLElement);
    this.plot = find(this.root, '.s2s-film-plot', HTMLElement);
    this.names = find(this.root, '.s2s-film-names', HTMLElement);
    this.now = find(this.root, '.s2s-film-now', HTMLElement);
    this.open = find(this.root, '.s2s-film-open', HTMLButtonElement);
    this.whole = find(this.root, '.s2s-film-whole', HTMLButtonElement);
  }

  load() {
    const before = this.curve;
    this.curve = this.view.payload.curve ?? null;
    const {curve, root} = this;
    root.hidden = !curve;
    if (!curve) return;
    const last = curve.starts.length - 1;
    if (curve.opened !== null) this.point = curve.opened;
    else if (!before || before.seconds !== curve.seconds) this.point = highest(curve.targets[0]);
    this.point = Math.min(this.point, last);
    this.open.hidden = !this.opens;
    this.whole.hidden = !this.opens || curve.opened === null;
    find(root, '.s2s-film-words', HTMLElement).replaceChildren(
      ...curve.words.slice(1).map(words => make('p', {}, words)),
    );
    find(root, '.s2s-film-caption', HTMLElement).textContent = `${curve.words[0]} ${curve.spread}`;
    this.names.replaceChildren(...curve.targets.map(target => make('b', {}, target.name)));
    this.names.style.gridAutoRows = `${LANE_PX}px`;
    this.chart.setAttribute('aria-valuemin', '0');
    this.chart.setAttribute('aria-valuemax', String(last));
    this.chart.setAttribute('aria-label', `Window of the curve${this.opens ? '; Enter opens its explanation' : ''}`);
    root.dataset.opened = String(curve.opened ?? '');
  }

  /** The axis of the timeline; of the whole film while the timeline has a window alone. */
  get axis() {
    const {timeline} = this.view;
    if (this.curve?.opened === null) return timeline.axis;
    this.own.width = timeline.axis.width;
    [this.own.from, this.own.to] = [0, this.curve?.seconds ?? 1];
    return this.own;
  }

  /** @param {number} point */
  timeOf(point) {
    return this.curve ? (this.curve.starts[point] + this.curve.ends[point]) / 2 : 0;
  }

  // ---- drawing ----------------------------------------------------------------------------------------------------

  draw() {
    const {curve, axis} = this;
    if (!curve || !axis.width) return;
    const height = LANE_PX * curve.targets.length;
    const drawing = makeSvg('svg', {
      width: axis.width,
      height: height + AXIS_PX,
      viewBox: `0 0 ${axis.width} ${height + AXIS_PX}`,
      'aria-hidden': 'true',
    });
    drawing.append(...this.window(height), ...curve.targets.flatMap((target, i) => this.lane(target, i * LANE_PX)));
    drawing.append(...this.ticks(height), ...this.marks());
    this.plot.replaceChildren(drawing);
    this.write();
  }

  /** Where the chosen window lies, and apart from it the one that is open. @param {number} height */
  window(height) {
    const {curve, axis, point} = this;
    if (!curve) return [];
    const shown = curve.opened === null || curve.opened === point ? [point] : [curve.opened, point];
    return shown.map(one => {
      const {left, right} = axis.interval(curve.starts[one], curve.ends[one]);
      const name = one === curve.opened ? 's2s-film-window is-open' : 's2s-film-window';
      return makeSvg('rect', {class: name, x: left, y: 0, width: Math.max(right - left, 2), height});
    });
  }

  /** @param {CurveTarget} target @param {number} top px */
  lane(target, top) {
    const {axis} = this;
    const yOf = (/** @type {number} */ value) => (top + PAD_PX + (1 - value) * (LANE_PX - 2 * PAD_PX)).toFixed(1);
    const at = this.inSight();
    const place = (/** @type {number[]} */ values) =>
      at.map(point => `${axis.xOf(this.timeOf(point)).toFixed(1)} ${yOf(values[point])}`);
    const [line, low, high] = [target.values, target.low, target.high].map(place);
    const [left, right] = [axis.left, axis.width - axis.right];
    const drawing = [
      makeSvg('path', {class: 's2s-rule', d: `M${left} ${top + LANE_PX}H${right}`}),
      ...[0, 0.5, 1].map(value => makeSvg('path', {class: 's2s-grid-line', d: `M${left} ${yOf(value)}H${right}`})),
      ...[0, 0.5, 1].map(value =>
        makeSvg(
          'text',
          {class: 's2s-tick is-left', x: left - 5, y: Number(yOf(value)) + 4},
          String(onScale(value, target.scale)),
        ),
      ),
    ];
    if (!at.length) return drawing;
    drawing.push(makeSvg('path', {class: 's2s-spread', d: `M${[...high, ...low.reverse()].join('L')}Z`}));
    if (at.length > 1) drawing.push(makeSvg('path', {class: 's2s-curve', d: `M${line.join('L')}`}));
    return drawing;
  }

  /** The points between the ends of the axis, and one beyond each of them. */
  inSight() {
    const {curve, axis} = this;
    const points = curve ? curve.starts.map((_, point) => point) : [];
    return points.filter(point => {
      const time = this.timeOf(point);
      return time >= axis.from && time <= axis.to;
    });
  }

  /** The chosen point on each line. */
  marks() {
    const {curve, axis, point} = this;
    const time = this.timeOf(point);
    if (!curve || time < axis.from || time > axis.to) return [];
    return curve.targets.map((target, i) => {
      const cy = i * LANE_PX + PAD_PX + (1 - target.values[point]) * (LANE_PX - 2 * PAD_PX);
      return makeSvg('circle', {class: 's2s-point', cx: axis.xOf(time), cy, r: 5});
    });
  }

  /** @param {number} height px of the lanes */
  ticks(height) {
    const {axis, curve} = this;
    const drawing = [makeSvg('path', {class: 's2s-axis', d: `M${axis.left} ${height}H${axis.width - axis.right}`})];
    const step = axis.tickStep;
    for (let time = Math.ceil(axis.from / step) * step; time <= axis.to; time += step) {
      const x = axis.xOf(time);
      drawing.push(makeSvg('path', {class: 's2s-axis', d: `M${x} ${height}v4`}));
      drawing.push(makeSvg('text', {class: 's2s-tick is-middle', x, y: height + 15}, String(time)));
    }
    const words = curve?.opened === null ? 'time, s' : 'of the whole, s';
    drawing.push(makeSvg('text', {class: 's2s-tick is-left', x: axis.left - 14, y: height + 15}, words));
    return drawing;
  }

  // ---- the chosen point -------------------------------------------------------------------------------------------

  /** The chosen point in words, beside the chart and for the slider. */
  write() {
    const {curve, point} = this;
    if (!curve) return;
    const span = secondSpan(curve.starts[point], curve.ends[point]);
    const figures = curve.targets.map(({name, scale, values, low, high}) => {
      const [value, ...spread] = [values, low, high].map(line => predictionWords(line[point], scale));
      const of = isPeoples(scale) ? ` of ${scale.join('–')}` : '';
      return `${name} ${value}${of} (${spread.join('–')})`;
    });
    const words = [span, ...figures].join(' · ');
    this.now.textContent = curve.opened === point ? `${words} · shown below` : words;
    this.open.disabled = curve.opened === point;
    this.chart.setAttribute('aria-valuenow', String(point));
    this.chart.setAttribute('aria-valuetext', words);
  }

  /** @param {number} point */
  choose(point) {
    const last = (this.curve?.starts.length ?? 1) - 1;
    this.point = Math.min(Math.max(point, 0), last);
    const {axis, view} = this;
    const time = this.timeOf(this.point);
    if (this.curve?.opened === null && !(time >= axis.from && time <= axis.to)) view.timeline.turnTo(Math.floor(time));
    this.draw();
  }

  openChosen() {
    const {curve, point} = this;
    if (!curve || curve.opened === point) return;
    if (this.opens) this.trigger('select', {point});
    else if (curve.opened === null)
      this.view.player.seek(Math.min(Math.floor(this.timeOf(point)), this.view.count - 1));
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    this.open.addEventListener('click', () => this.openChosen(), {signal});
    this.whole.addEventListener('click', () => this.trigger('select', {point: null}), {signal});
    this.chart.addEventListener('keydown', event => this.onKey(event), {signal});
    this.chart.addEventListener(
      'click',
      event => {
        const {curve, axis} = this;
        if (!curve) return;
        const time = axis.timeAt(event.clientX - this.plot.getBoundingClientRect().left);
        this.choose(nearest(curve, time));
        this.openChosen();
      },
      {signal},
    );
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.curve) return;
    const step = event.shiftKey ? JUMP : 1;
    const last = this.curve.starts.length - 1;
    const to = {
      ArrowLeft: this.point - step,
      ArrowDown: this.point - step,
      ArrowRight: this.point + step,
      ArrowUp: this.point + step,
      PageUp: this.point + JUMP,
      PageDown: this.point - JUMP,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) this.choose(to);
    else if (event.key === 'Enter') this.openChosen();
    else return;
    event.preventDefault(); // the view's own keys move by seconds
    event.stopPropagation();
  }
}

/** @param {CurveTarget} target */
function highest({values}) {
  return values.indexOf(Math.max(...values));
}

/** The point whose time is nearest. @param {Curve} curve @param {number} time s */
function nearest({starts, ends}, time) {
  const distances = starts.map((start, point) => Math.abs((start + ends[point]) / 2 - time));
  return distances.indexOf(Math.min(...distances));
}
