// The x-axis: where a second lies in the figure, and which seconds are shown.
import {tickStep} from './numbers.js';

const NARROW = 520; // px; below it, labels and margins shrink
const SHORTEST_SPAN = 15; // seconds that stay on the axis however far one zooms in

export class Axis {
  constructor() {
    /** First second on the axis, and the end of its last one. */
    this.from = 0;
    this.to = 1;
    /** px of the whole figure. */
    this.width = 0;
  }

  get isNarrow() {
    return this.width < NARROW;
  }

  /** px, the figure's fixed left margin, with names and scales: stills and playhead line up with the axis. */
  get left() {
    return this.isNarrow ? 98 : 148;
  }

  /** px, the figure's fixed right margin, with the scale of attention. */
  get right() {
    return this.isNarrow ? 36 : 46;
  }

  get span() {
    return this.to - this.from;
  }

  /** px between the margins. */
  get plotWidth() {
    return this.width - this.left - this.right;
  }

  get tickStep() {
    return tickStep(this.span * (this.isNarrow ? 2.2 : 1));
  }

  /** @param {number} time s */
  xOf(time) {
    return this.left + ((time - this.from) / this.span) * this.plotWidth;
  }

  /** @param {number} x px */
  timeAt(x) {
    return this.from + ((x - this.left) / this.plotWidth) * this.span;
  }

  /** Where an interval lies, as far as it is in sight. @param {number} from s @param {number} to s */
  interval(from, to) {
    return {left: Math.max(this.xOf(from), this.left), right: Math.min(this.xOf(to), this.width - this.right)};
  }

  /** @param {number} second */
  shows(second) {
    return second >= this.from && second < this.to;
  }

  /** The seconds of the page that a second is on, when all pages are as long as this one.
   * @param {number} second @param {number} count seconds of the clip
   * @returns {[from: number, to: number]} */
  pageOf(second, count) {
    const from = Math.max(Math.min(Math.floor(second / this.span) * this.span, count - this.span), 0);
    return [from, from + this.span];
  }

  /** The seconds that are shown after zooming by a factor around a second.
   * @param {number} factor @param {number} second @param {number} count seconds of the clip
   * @returns {[from: number, to: number]} */
  zoomed(factor, second, count) {
    const span = Math.min(Math.max(Math.round(this.span * factor), SHORTEST_SPAN), count);
    const from = Math.min(Math.max(Math.round(second + 0.5 - span / 2), 0), count - span);
    return [from, from + span];
  }

  get canZoomIn() {
    return this.span > SHORTEST_SPAN;
  }
}
