// The video: its time is the view's time. What seeks and plays it, and the link that carries its time.
/** @import {View} from './view.js' */

const AFTER = 0.001; // s; a seek lands just within its second, whatever a browser rounds
const BEFORE_END = 0.02; // s; a seek to the very end would end the playback

export class Player {
  loop = false;
  /** The second of a seek that has not arrived yet.
   * @type {number | null} */
  target = null;
  /** s; the time where there is no video. */
  cursor = 0;
  /** @type {number} the frame that was asked for, or 0 */
  frameRequest = 0;
  /** Whether the link that this page was opened with has been followed. */
  arrived = false;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
  }

  /** @returns {HTMLVideoElement | null} gradio may replace it at any time */
  get video() {
    return document.querySelector(`#${this.view.props.video_id} video`);
  }

  /** The video, once its length is known. */
  get loaded() {
    const video = this.video;
    return video && video.readyState > 0 ? video : null;
  }

  get isPlaying() {
    const video = this.video;
    return Boolean(video && !video.paused && !video.ended);
  }

  /** s in the analysed part. */
  get time() {
    const video = this.loaded;
    return video ? video.currentTime - this.view.payload.clip.offset : this.cursor;
  }

  reset() {
    this.target = null;
    this.cursor = 0;
  }

  // ---- following it -----------------------------------------------------------------------------------------------

  /** Draw with the next frame. */
  kick() {
    if (!this.frameRequest) this.frameRequest = requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.frameRequest = 0;
    const {view} = this;
    if (!view.data || !view.element.isConnected) return;
    const {time, isPlaying} = this;
    if (isPlaying && this.loop && this.target === null && !(time >= view.selected && time < view.selected + 1)) {
      this.seek(view.selected, true);
    }
    const second = this.target ?? this.secondAt(time); // until a seek arrives: the old second must not flash up
    if (isPlaying && second >= 0 && !view.timeline.axis.shows(second)) view.timeline.turnTo(second);
    view.timeline.placePlayhead(time);
    if (second !== view.current) view.setCurrent(second);
    if (isPlaying) this.kick();
  }

  /** −1 outside the analysed part. @param {number} time s */
  secondAt(time) {
    return time < 0 || time > this.view.count ? -1 : this.view.clamp(Math.floor(time + 1e-3));
  }

  // ---- moving it --------------------------------------------------------------------------------------------------

  /** Go to a second; `force`: to its beginning, even from within. @param {number} to @param {boolean} [force] */
  seek(to, force = false) {
    const {view} = this;
    const second = view.clamp(to);
    const video = this.loaded;
    const isThere = second === view.current && this.target === null;
    if (view.pinned !== null && view.pinned !== second) view.setPinned(second);
    if (!this.loop) this.writeLink(second);
    if (!video) {
      this.cursor = second;
      view.setCurrent(second);
      this.kick();
      return;
    }
    if (isThere && !force) return; // playback goes on undisturbed
    this.moveTo(video, second, 0);
    if (second !== view.current) view.setCurrent(second); // now: keys may repeat faster than frames come
    this.kick();
  }

  /** Go to a moment within a second, where that does not disturb playback.
   * @param {number} second @param {number} inside share of it */
  seekWithin(second, inside) {
    const video = this.loaded;
    if (!video || !video.paused) {
      this.seek(second);
      return;
    }
    this.moveTo(video, second, inside);
    this.kick();
  }

  /** @param {HTMLVideoElement} video @param {number} second @param {number} inside */
  moveTo(video, second, inside) {
    const {offset} = this.view.payload.clip;
    this.target = second;
    video.currentTime = Math.min(
      offset + second + inside + AFTER,
      Math.max((video.duration || Infinity) - BEFORE_END, 0),
    );
  }

  togglePlay() {
    const {video, time} = this;
    if (!video) return;
    if (!video.paused) {
      video.pause();
      return;
    }
    if (time < 0 || time >= this.view.payload.clip.duration - 0.05) this.seek(0, true);
    video.play().catch(() => {}); // the browser may refuse: its own controls remain
  }

  /** @param {boolean} on */
  setLoop(on) {
    this.loop = on;
    this.view.button('.s2s-loop').setAttribute('aria-pressed', String(on));
    this.kick();
  }

  // ---- the link: #t=3&s=5, the time and the pinned second, both in seconds of the analysed part -------------------

  /** Only for the first clip on this page: what is in the link afterwards, we wrote ourselves. */
  followLink() {
    const {view} = this;
    if (this.arrived || !view.props.link) return;
    this.arrived = true;
    const fields = new URLSearchParams(location.hash.slice(1));
    const time = parseFloat(fields.get('t') ?? '');
    const pinned = parseInt(fields.get('s') ?? '', 10);
    if (pinned >= 0 && pinned < view.count) view.setPinned(pinned);
    if (time >= 0 && time < view.count) {
      this.cursor = time;
      this.seek(Math.floor(time), true);
    }
  }

  /** After a person's choice, never during playback. @param {number} second */
  writeLink(second) {
    const {pinned, props} = this.view;
    if (props.link) history.replaceState(history.state, '', `#t=${second}${pinned === null ? '' : `&s=${pinned}`}`);
  }
}
