// What people said over time: a lane for each track on the axis of the clip, and a table of what fits it.
/** @import {RatingLane} from './types.d.ts' */
/** @import {View} from './view.js' */
import {make, makeSvg} from './dom.js';
import {isNumber, plain} from './numbers.js';

const LANE_PX = 48;
const EDGE_PX = 5; // between the lane's edge and the highest and lowest value
const TICK_PX = 12; // height of a number
const LONGEST_GAP_PX = 3; // of which a line is drawn across, whatever the time between its ends
const LONGEST_GAP = 5; // s, as Python joins them

export class Ratings {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.host = view.find('.s2s-ratings');
    this.table = view.find('.s2s-rated');
  }

  get lanes() {
    return this.view.payload.ratings ?? [];
  }

  load() {
    const {lanes} = this;
    this.host.hidden = this.table.hidden = !lanes.length;
    this.table.replaceChildren(...lanes.map(rated));
  }

  draw() {
    const {axis} = this.view.timeline;
    this.host.replaceChildren(
      ...this.lanes.map(lane => {
        const label = `Ratings by people: ${lane.name} of ${lane.file}; the table below holds the figures`;
        const size = {width: axis.width, height: LANE_PX, viewBox: `0 0 ${axis.width} ${LANE_PX}`};
        const drawing = makeSvg('svg', {...size, role: 'img', 'aria-label': label});
        drawing.append(...this.lane(lane));
        const name = make('div', {class: 's2s-rating-name', title: lane.file}, make('b', {}, lane.name), ' people');
        return make('div', {class: 's2s-rating'}, drawing, name);
      }),
    );
  }

  /** @param {RatingLane} lane */
  lane(lane) {
    const {axis} = this.view.timeline;
    const {low, high} = lane;
    const end = axis.width - axis.right;
    const px = LANE_PX - 2 * EDGE_PX;
    const yOf = (/** @type {number} */ value) => EDGE_PX + (high > low ? (px * (high - value)) / (high - low) : px / 2);
    const parts = [
      makeSvg('path', {class: 's2s-rule', d: `M${axis.left} ${LANE_PX - 0.5}H${end}`}),
      makeSvg('path', {class: 's2s-rating-line', d: this.path(lane, yOf)}),
    ];
    const ticks = high > low ? [high, low] : [high];
    for (const value of ticks) {
      const y = Math.min(Math.max(yOf(value) + 4, TICK_PX), LANE_PX - 3); // within the lane
      parts.push(makeSvg('text', {class: 's2s-tick is-left', x: axis.left - 5, y}, plain(value)));
    }
    if (low < 0 && high > 0)
      parts.push(makeSvg('path', {class: 's2s-rating-zero', d: `M${axis.left} ${yOf(0)}H${end}`}));
    return parts;
  }

  /** The values as a line, which breaks where nobody said anything.
   * @param {RatingLane} lane @param {(value: number) => number} yOf */
  path({times, values}, yOf) {
    const {axis} = this.view.timeline;
    let path = '';
    /** @type {{x: number, time: number} | null} the point before */
    let before = null;
    times.forEach((time, i) => {
      const value = values[i];
      if (!isNumber(value) || time < axis.from || time > axis.to) {
        before = null;
        return;
      }
      const x = axis.xOf(time);
      const isJoined = before && (time - before.time <= LONGEST_GAP || x - before.x <= LONGEST_GAP_PX);
      path += `${isJoined ? 'L' : 'M'}${x.toFixed(1)} ${yOf(value).toFixed(1)}${isJoined ? '' : 'h0.01'}`;
      before = {x, time};
    });
    return path;
  }

  /** The ratings of a second, for the slider's words. @param {number} second */
  words(second) {
    return this.lanes.map(({name, seconds}) => `people: ${name} ${plain(seconds[second])}`);
  }
}

/** What was compared with a track. @param {RatingLane} lane */
function rated(lane) {
  const title = make('h4', {}, 'What people said: ', make('b', {}, lane.name), ` (${lane.file})`);
  const words = lane.compared ? make('p', {}, lane.compared) : null;
  if (!lane.rows.length) return make('div', {}, title, ...(words ? [words] : []));
  const head = make('tr', {}, ...lane.heads.map(name => make('th', {scope: 'col'}, name)));
  const rows = lane.rows.map(([name, ...cells]) =>
    make('tr', {}, make('th', {scope: 'row'}, name), ...cells.map(cell => make('td', {}, cell))),
  );
  const table = make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows));
  const label = `How well the curves fit ${lane.name}`;
  return make(
    'div',
    {},
    title,
    make('div', {class: 's2s-table', role: 'region', tabindex: 0, 'aria-label': label}, table),
    words,
  );
}
