// The video: its time is the view's time. What seeks and plays it, and the link that carries its time.
/** @import {Moment} from './types.d.ts' */
/** @import {View} from './view.js' */

const AFTER = 0.001; // s; a seek lands just within its second, whatever a browser rounds
const BEFORE_END = 0.02; // s; a seek to the very end would end the playback
const NEAR_END = 0.05; // s; playback that has come so far begins anew
const STILL = 0.5; // of a second; where its still was taken
const FRAME = 1 / 25; // s, until the clip has shown how long its frames last
const LONGEST_FRAME = 0.2; // s between two frames that follow each other

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
  /** Where the clip stands since it was explained, until somebody moves it: then Play begins at its beginning.
   * @type {Moment | null} */
  opening = null;
  /** s, of a frame of this video. */
  frameSeconds = FRAME;

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
    this.opening = null;
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
    if (this.endWithPart(time)) return;
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
    this.opening = null;
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

  /** The very picture that a still shows. @param {number} second */
  showStill(second) {
    this.seek(second);
    this.seekWithin(second, STILL);
  }

  /** The second that counted most, before anybody has chosen one. @param {number} second */
  showDecisive(second) {
    const {view} = this;
    this.opening = {second, inside: STILL};
    this.cursor = second;
    view.current = second;
    view.root.dataset.current = String(second);
    const video = this.loaded;
    if (video?.paused) this.moveTo(video, second, STILL);
  }

  /** The length of the video is known: it stands where it was to stand. */
  onLoaded() {
    const {opening, loaded} = this;
    if (opening && loaded?.paused) this.moveTo(loaded, opening.second, opening.inside);
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
    const {video} = this;
    if (!video) return;
    if (!video.paused) video.pause();
    else video.play().catch(() => {}); // the browser may refuse: its own controls remain
  }

  /** Playback begins, whoever asked for it: within the analysed part, and where nobody chose a place, at its start. */
  onPlay() {
    const {opening, loaded, time} = this;
    if (!loaded) return;
    const isUntouched = opening !== null && Math.abs(time - opening.second - opening.inside) < NEAR_END;
    this.opening = null;
    if (!isUntouched && time >= -NEAR_END && time < this.view.payload.clip.duration - NEAR_END) return;
    this.moveTo(loaded, 0, 0);
    this.view.setCurrent(0);
  }

  /** Where the analysed part ends and the file goes on, playback ends. @param {number} time s */
  endWithPart(time) {
    const {video, view} = this;
    const {duration, offset} = view.payload.clip;
    if (!video || video.paused || this.target !== null || time < duration) return false;
    if (!(video.duration > offset + duration + NEAR_END)) return false; // the file ends there by itself
    video.pause();
    this.moveTo(video, view.count - 1, duration - (view.count - 1) - BEFORE_END);
    return true;
  }

  /** s forward or back, whichever second that is. @param {number} seconds */
  skip(seconds) {
    this.goTo(this.time + seconds);
  }

  /** One frame forward or back. @param {1 | -1} direction */
  step(direction) {
    this.video?.pause();
    this.goTo(this.time + direction * this.frameSeconds);
  }

  /** A moment of the analysed part. @param {number} time s */
  goTo(time) {
    const {view} = this;
    const within = Math.min(Math.max(time, 0), view.payload.clip.duration - BEFORE_END);
    const second = view.clamp(Math.floor(within));
    this.opening = null;
    const video = this.loaded;
    if (!video) {
      this.seek(second);
      return;
    }
    if (view.pinned !== null && view.pinned !== second) view.setPinned(second);
    this.moveTo(video, second, within - second);
    if (second !== view.current) view.setCurrent(second);
    this.kick();
  }

  /** How long its frames last, learned from those that it shows. */
  watchFrames() {
    const {video} = this;
    if (!video) return;
    let last = NaN;
    const shown = (/** @type {number} */ _, /** @type {VideoFrameCallbackMetadata} */ {mediaTime}) => {
      const apart = mediaTime - last;
      if (apart > 0 && apart < LONGEST_FRAME) this.frameSeconds = apart;
      last = mediaTime;
      if (!video.paused) video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback?.(shown);
  }

  /** @param {boolean} on */
  setLoop(on) {
    this.loop = on;
    this.view.button('.s2s-loop').setAttribute('aria-pressed', String(on));
    this.kick();
  }

  // ---- the link: #t=3&s=5, the time and the pinned second, both in seconds of the analysed part -------------------

  /** Only for the first clip on this page: what is in the link afterwards, we wrote ourselves. Returns whether the link
   * names a second of this clip. */
  followLink() {
    const {view} = this;
    const asked = new URLSearchParams(location.search);
    const isOther = asked.has('clip') && asked.get('clip') !== view.payload.link?.clip; // the linked clip comes yet
    if (this.arrived || !view.props.link || isOther) return false;
    this.arrived = true;
    const fields = new URLSearchParams(location.hash.slice(1));
    if (!fields.has('s') && asked.has('s')) fields.set('s', asked.get('s') ?? '');
    const time = parseFloat(fields.get('t') ?? '');
    const pinned = parseInt(fields.get('s') ?? '', 10);
    const isPinned = pinned >= 0 && pinned < view.count;
    const hasTime = time >= 0 && time < view.count;
    if (isPinned) view.setPinned(pinned);
    if (hasTime) {
      this.cursor = time;
      this.seek(Math.floor(time), true);
    } else if (isPinned) this.showDecisive(pinned);
    return isPinned || hasTime;
  }

  /** After a person's choice, never during playback. @param {number} second */
  writeLink(second) {
    const {pinned, props} = this.view;
    if (!props.link) return;
    const place = `#t=${second}${pinned === null ? '' : `&s=${pinned}`}`;
    history.replaceState(history.state, '', location.pathname + location.search + place); // the page has another base
  }
}
