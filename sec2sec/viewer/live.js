// The chosen map of the second that plays, over the picture of the player.
/** @import {Overlay} from './overlay.js' */
/** @import {View} from './view.js' */
import {find, make} from './dom.js';

export class LiveMap {
  words = make('span', {class: 'live-words'});
  grid = make('div', {class: 'live-grid'});
  layer = make('div', {class: 'live-map', 'aria-hidden': 'true', hidden: true}, this.grid, this.words);
  sizes = new ResizeObserver(() => this.place());

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.choice = view.find('.s2s-live');
    this.box = find(this.choice, 'input', HTMLInputElement);
  }

  get isOn() {
    return this.box.checked && !this.choice.hidden;
  }

  load() {
    const {maps, clip} = this.view.payload;
    this.choice.hidden = Boolean(maps.absent) || !clip.has_video || !this.view.player.video;
    this.layer.hidden = true;
  }

  /** Somebody wants to see it, or no longer. */
  toggled() {
    this.layer.hidden = !this.isOn;
    if (!this.isOn) return;
    if (this.view.data?.maps.later) this.view.coattention.ask();
    else this.view.coattention.draw();
  }

  /** The tints of the panel below, on the same places of the picture that plays.
   * @param {Overlay} overlay @param {[left: number, top: number, right: number, bottom: number]} region shares */
  show(overlay, region) {
    const {video} = this.view.player;
    this.layer.hidden = !this.isOn || !video || overlay.box.hidden;
    if (this.layer.hidden || !video?.parentElement) return;
    if (this.layer.parentElement !== video.parentElement) this.enter(video, video.parentElement);
    const [left, top, right, bottom] = region.map(side => `${100 * side}%`);
    Object.assign(this.grid.style, {left, top, width: `calc(${right} - ${left})`, height: `calc(${bottom} - ${top})`});
    this.grid.style.gridTemplate = `repeat(${overlay.rows}, 1fr) / repeat(${overlay.columns}, 1fr)`;
    const tints = overlay.cells.map(cell => {
      const tint = make('i', {'data-sign': cell.dataset.sign});
      tint.style.setProperty('--w', cell.style.getPropertyValue('--w'));
      return tint;
    });
    this.grid.replaceChildren(...tints);
    const isDrawn = overlay.cells.some(cell => Number(cell.style.getPropertyValue('--w')) > 0);
    this.words.textContent = overlay.title.textContent + (isDrawn ? '' : ': nothing to draw in this second');
    this.place();
  }

  /** @param {HTMLVideoElement} video @param {HTMLElement} parent */
  enter(video, parent) {
    if (getComputedStyle(parent).position === 'static') parent.style.position = 'relative';
    parent.append(this.layer);
    this.sizes.disconnect();
    this.sizes.observe(video);
  }

  /** Over the picture itself: the player may be wider or taller than that. */
  place() {
    const {video} = this.view.player;
    if (!video || !video.videoWidth || this.layer.hidden) return;
    const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
    const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
    const left = video.offsetLeft + (video.clientWidth - width) / 2;
    const top = video.offsetTop + (video.clientHeight - height) / 2;
    Object.assign(this.layer.style, {left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`});
  }

  remove() {
    this.sizes.disconnect();
    this.layer.remove();
  }
}
