// Speed, volume and full screen of the player, as controls with names beside the timeline.
/** @import {View} from './view.js' */
import {find} from './dom.js';

export class Playback {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.box = view.find('.s2s-playback');
    this.speed = find(this.box, '.s2s-speed select', HTMLSelectElement);
    this.volume = find(this.box, '.s2s-volume input', HTMLInputElement);
    this.mute = view.button('.s2s-mute');
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    this.speed.addEventListener('change', () => this.apply(), {signal});
    this.volume.addEventListener('input', () => this.setVolume(Number(this.volume.value)), {signal});
    this.mute.addEventListener('click', () => this.toggleMuted(), {signal});
    this.view.button('.s2s-full').addEventListener('click', () => this.toggleFullScreen(), {signal});
  }

  /** The player may be another one than before: it keeps what was chosen. */
  apply() {
    const {video} = this.view.player;
    if (!video) return;
    video.playbackRate = Number(this.speed.value);
    this.show();
  }

  /** @param {number} volume in % */
  setVolume(volume) {
    const {video} = this.view.player;
    if (!video) return;
    video.volume = volume / 100;
    video.muted = volume === 0;
  }

  toggleMuted() {
    const {video} = this.view.player;
    if (!video) return;
    video.muted = !video.muted;
    if (!video.muted && video.volume === 0) video.volume = 1;
  }

  toggleFullScreen() {
    const box = document.getElementById(this.view.props.video_id);
    const done = document.fullscreenElement ? document.exitFullscreen() : box?.requestFullscreen();
    done?.catch(() => {}); // a browser may refuse it within a frame of another site
  }

  /** What is shown is what the player has, whoever changed it. */
  show() {
    const {video} = this.view.player;
    this.box.hidden = !video;
    if (!video) return;
    this.volume.value = String(video.muted ? 0 : Math.round(100 * video.volume));
    this.mute.setAttribute('aria-pressed', String(video.muted));
    this.box.classList.toggle('is-silent', !this.view.data?.clip.has_audio);
  }
}
