// The stills, the slider, the main lanes and those beyond them on one axis, and one playhead over all of them.
/** @import {Plot} from './types.d.ts' */
/** @import {View} from './view.js' */
import {Axis} from './axis.js';
import {Chart} from './chart.js';
import {CONFIG, themed} from './charts.js';
import {find, findAll, make} from './dom.js';
import {secondSpan} from './numbers.js';

/** @typedef {{button: HTMLButtonElement, first: number, count: number}} Thumb the still of `count` seconds */

const thumbPx = (/** @type {Axis} */ axis) => (axis.isNarrow ? 30 : 44); // a narrower still shows nothing

export class Timeline {
  axis = new Axis();
  /** @type {Thumb[]} */
  thumbs = [];
  /** @type {Plot | null} of the lanes beyond the main ones */
  plot = null;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.box = view.find('.s2s-lanes');
    this.slider = view.find('.s2s-scrub');
    this.knob = find(this.slider, 'i', HTMLElement);
    this.strip = view.find('.s2s-thumbs');
    this.host = view.find('.s2s-plot');
    this.chart = new Chart(view);
    this.playheads = findAll(view.root, '.s2s-playhead, .s2s-line');
    this.bands = findAll(view.root, '.s2s-band');
    this.tip = view.find('.s2s-tip');
  }

  load() {
    const {view} = this;
    [this.axis.from, this.axis.to] = [0, view.count];
    this.chart.load();
    view.find('.s2s-zoom').hidden = view.count <= 30;
    view.button('.s2s-out').disabled = true;
    this.slider.setAttribute('aria-valuemin', '0'); // seconds are counted by where they begin
    this.slider.setAttribute('aria-valuemax', String(view.count - 1));
  }

  clear() {
    if (this.plot) window.Plotly.purge(this.plot);
    this.plot = null;
  }

  // ---- drawing ----------------------------------------------------------------------------------------------------

  /** All that is open; resolves once the lanes beyond the main ones are drawn too, if they are open. */
  async draw() {
    const {view, axis} = this;
    axis.width = this.box.clientWidth;
    if (!axis.width) return; // hidden: the observer of its size calls again
    view.root.style.setProperty('--left', `${axis.left}px`);
    view.root.style.setProperty('--right', `${axis.right}px`);
    this.box.style.setProperty('--foot', `${this.chart.foot}px`);
    this.chart.draw();
    view.film.draw();
    view.ratings.draw();
    this.drawThumbs();
    view.showSelection();
    view.player.frame();
    if (view.lanes.isOpen) await this.drawStack();
  }

  async drawStack() {
    const {view} = this;
    delete view.root.dataset.lanes;
    const plotly = await view.plotly;
    if (!view.data || !view.lanes.isOpen) return;
    const {data, layout} = view.lanes.figure();
    this.host.style.height = layout.height + 'px';
    this.plot = await plotly.react(this.host, data, themed(layout, view.root), CONFIG);
    view.lanes.placeHatches();
    view.root.dataset.lanes = 'drawn';
  }

  drawThumbs() {
    const {view, axis} = this;
    const {stills} = view.payload;
    const step = Math.max(1, Math.ceil((thumbPx(axis) * axis.span) / axis.plotWidth)); // seconds per still
    this.strip.classList.toggle('is-bare', !stills.some(Boolean));
    this.thumbs = [];
    for (let first = Math.floor(axis.from / step) * step; first < axis.to; first += step) {
      const end = Math.min(first + step, view.count);
      const middle = Math.min(first + (step >> 1), end - 1);
      const shown = stills[middle] ? middle : first; // the second whose still is shown
      this.thumbs.push({button: this.thumb(first, end, shown), first, count: end - first});
    }
    this.strip.replaceChildren(...this.thumbs.map(thumb => thumb.button));
  }

  /** @param {number} first @param {number} end @param {number} shown the second whose still it is */
  thumb(first, end, shown) {
    const still = this.view.payload.stills[shown]; // a JPEG in base64
    const button = make('button', {
      type: 'button',
      class: 's2s-thumb',
      'aria-label': secondSpan(first, end),
      tabindex: -1,
      'aria-pressed': 'false',
      onclick: () => (still ? this.view.player.showStill(shown) : this.view.player.seek(first)),
    });
    if (still) button.style.backgroundImage = `url(data:image/jpeg;base64,${still})`;
    const {left, right} = this.axis.interval(first, end);
    button.style.left = left + 'px';
    button.style.width = Math.max(right - left - 1, 1) + 'px';
    return button;
  }

  // ---- the selected second, and the moment ------------------------------------------------------------------------

  /** @param {number} second @param {string} words */
  markSecond(second, words) {
    this.placeBand(second);
    this.slider.setAttribute('aria-valuenow', String(second));
    this.slider.setAttribute('aria-valuetext', words);
    for (const {button, first, count} of this.thumbs) {
      const isOn = second >= first && second < first + count;
      button.setAttribute('aria-pressed', String(isOn));
      button.tabIndex = isOn ? 0 : -1;
    }
  }

  /** @param {number} second */
  placeBand(second) {
    const {knob} = this;
    const {left, right} = this.axis.interval(second, second + 1);
    knob.hidden = right <= left;
    for (const band of this.bands) {
      band.hidden = knob.hidden;
      band.style.transform = `translateX(${left}px)`;
      band.style.width = Math.max(right - left, 2) + 'px';
      band.classList.toggle('is-pinned', this.view.pinned !== null);
    }
    knob.style.transform = `translateX(${(left + right) / 2}px)`;
  }

  /** @param {number} time s */
  placePlayhead(time) {
    const {axis} = this;
    const {count} = this.view;
    const x = axis.xOf(Math.min(Math.max(time, 0), count));
    const isOutside = time < -0.05 || time > count + 0.05;
    for (const playhead of this.playheads) {
      playhead.style.transform = `translateX(${x}px)`;
      playhead.hidden = isOutside || x < axis.left - 1 || x > axis.width - axis.right + 1;
    }
  }

  /** The time under a pointer; may lie outside the clip. @param {PointerEvent} event */
  timeUnder(event) {
    return this.axis.timeAt(event.clientX - this.box.getBoundingClientRect().left);
  }

  /** What lies under a pointer, in words beside it; nothing beyond the lanes. @param {PointerEvent | null} event */
  drawTip(event) {
    const {tip, chart, axis} = this;
    const time = event ? this.timeUnder(event) : -1;
    const {top, left} = chart.host.getBoundingClientRect();
    const y = event ? event.clientY - top : -1;
    tip.hidden = !(time >= axis.from && time < axis.to && y >= 0 && y < chart.height);
    if (tip.hidden || !event) return;
    tip.textContent = chart.hoverWords(Math.floor(time), y);
    const x = event.clientX - left;
    const isRight = x > axis.width / 2;
    tip.style.left = isRight ? 'auto' : `${x + 14}px`;
    tip.style.right = isRight ? `${axis.width - x + 14}px` : 'auto';
    tip.style.top = `${chart.host.offsetTop + y}px`;
  }

  // ---- zoom -------------------------------------------------------------------------------------------------------

  /** @param {number} from @param {number} to seconds */
  show(from, to) {
    const {view, axis} = this;
    [axis.from, axis.to] = [from, to];
    if (this.plot && view.lanes.isOpen) {
      window.Plotly.relayout(this.plot, {'xaxis.range': [from, to], 'xaxis.dtick': axis.tickStep});
    }
    this.chart.draw();
    view.film.draw();
    view.ratings.draw();
    this.drawThumbs();
    view.lanes.placeHatches();
    view.button('.s2s-out').disabled = axis.span >= view.count;
    view.button('.s2s-in').disabled = !axis.canZoomIn;
    view.showSelection();
    view.player.kick();
  }

  /** The page with that second. @param {number} second */
  turnTo(second) {
    this.show(...this.axis.pageOf(second, this.view.count));
  }

  /** @param {number} factor below 1: in */
  zoom(factor) {
    this.show(...this.axis.zoomed(factor, this.view.selected, this.view.count));
  }
}
