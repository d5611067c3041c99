// The players of two clips, held together: both show the same second of their analysed parts.
/** @import {Side} from './types.d.ts' */

const NEAR = 0.03; // s; where a player need not be sent
const DRIFT = 0.12; // s; how far two players may part while they play
const END = 0.05; // s; so close to its end a clip is over
const EVENTS = ['seeking', 'play', 'pause', 'ratechange', 'timeupdate'];

export class LinkedPlayers {
  /** @type {Side[]} two of them, or none */
  sides = [];
  /** The side that the other follows. */
  leader = 0;
  /** @type {(number | undefined)[]} where we sent a side's player: that seek is no wish of its visitor */
  sentTo = [];

  /** @param {AbortSignal} signal */
  constructor(signal) {
    for (const name of EVENTS) {
      document.addEventListener(name, event => this.follow(event), {capture: true, signal});
    }
  }

  /** @param {Side[]} sides two of them, or none to let go */
  link(sides) {
    this.sides = sides;
    this.leader = 0;
  }

  /** @param {number} side @returns {HTMLVideoElement | null} */
  video(side) {
    return document.querySelector(`#${this.sides[side].player} video`);
  }

  /** @param {HTMLVideoElement} video @param {number} side s in the analysed part */
  timeOf(video, side) {
    return video.currentTime - this.sides[side].offset;
  }

  /** Whether a side has nothing to play at that time. @param {number} side @param {number} time */
  isOver(side, time) {
    const {duration, offset} = this.sides[side];
    const length = this.video(side)?.duration || Infinity;
    return time >= Math.min(duration, length - offset) - END;
  }

  /** Both starts are pinned to each other; a shorter clip waits at its end.
   * @param {number} side @param {number} time */
  send(side, time) {
    const video = this.video(side);
    const {duration, offset} = this.sides[side];
    if (!video || video.readyState === 0) return;
    const end = Math.min(duration, (video.duration || Infinity) - offset) - NEAR;
    const to = Math.max(Math.min(time, end), 0) + offset;
    if (Math.abs(video.currentTime - to) < NEAR) return;
    this.sentTo[side] = to;
    video.currentTime = to;
  }

  /** @param {Event} event of any player */
  follow(event) {
    const video = event.target;
    if (!(video instanceof HTMLVideoElement)) return;
    const side = this.sides.findIndex(({player}) => video.closest('#' + player));
    if (side < 0) return;
    const other = this.video(1 - side);
    if (!other || other.readyState === 0) return;
    const time = this.timeOf(video, side);
    if (event.type === 'seeking') this.onSeek(side, video, other, time);
    else if (event.type === 'play') this.onPlay(side, video, other, time);
    else if (event.type === 'pause') this.onPause(side, video, other, time);
    else if (event.type === 'ratechange') {
      if (other.playbackRate !== video.playbackRate) other.playbackRate = video.playbackRate;
    } else if (side === this.leader && !video.paused && !other.paused) {
      const apart = Math.abs(this.timeOf(other, 1 - side) - time);
      if (apart > DRIFT && !this.isOver(1 - side, time)) this.send(1 - side, time);
    }
  }

  /** @param {number} side @param {HTMLVideoElement} video @param {HTMLVideoElement} other @param {number} time */
  onSeek(side, video, other, time) {
    const sentTo = this.sentTo[side];
    if (sentTo !== undefined && Math.abs(video.currentTime - sentTo) < 0.1) {
      this.sentTo[side] = undefined;
      return;
    }
    this.leader = side;
    this.send(1 - side, time);
    if (!video.paused && other.paused && !this.isOver(1 - side, time)) other.play().catch(() => {});
  }

  /** @param {number} side @param {HTMLVideoElement} video @param {HTMLVideoElement} other @param {number} time */
  onPlay(side, video, other, time) {
    if (!other.paused || this.isOver(1 - side, time)) return;
    this.leader = side;
    if (!video.muted) other.muted = true; // two sounds at once are noise
    this.send(1 - side, time);
    other.play().catch(() => {}); // the browser may refuse: its own controls remain
  }

  /** @param {number} side @param {HTMLVideoElement} video @param {HTMLVideoElement} other @param {number} time */
  onPause(side, video, other, time) {
    if (video.ended || this.isOver(side, time)) return; // the longer clip plays on
    if (!other.paused) other.pause();
    this.send(1 - side, time);
  }
}
