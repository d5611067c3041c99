// The selects above the pictures of one second.
/** @import {Maps, Payload} from './types.d.ts' */
/** @import {Choices} from './choices.js' */
import {make} from './dom.js';
import {bandSpan, momentSpan} from './numbers.js';

/** @typedef {[value: number, words: string]} Option */

const SHOWN = {both: 'The two pictures show ', video: 'The picture shows ', audio: 'The image of the sound shows '};

export class Controls {
  /** @param {Maps} maps @param {Choices} choices @param {Payload['reads']} reads @param {() => void} chosen
   * @param {() => void} otherSource */
  constructor(maps, choices, reads, chosen, otherSource) {
    const [pictureMoments] = maps.video_grid;
    const [bands, soundMoments] = maps.audio_grid;
    /** @param {string} words @param {Option[]} options @param {(value: number) => void} choose */
    const choice = (words, options, choose) =>
      new Choice(words, options, value => {
        choose(value);
        chosen();
      });
    this.head = choice('Head ', headOptions(maps), head => (choices.head = head));
    this.moment = choice('Sound at ', momentOptions(soundMoments), moment => (choices.moment = moment));
    this.band = choice(
      maps.bands === 'mel' ? 'Frequency ' : 'Texture ',
      [[-1, 'all'], ...options(bands, i => bandSpan(i, bands, maps.n_mfcc))],
      band => (choices.band = band),
    );
    this.pictureMoment = choice(
      'Picture at ',
      [[-1, 'any moment'], ...momentOptions(pictureMoments)],
      moment => (choices.pictureMoment = moment),
    );
    this.rows = choice(
      'Direction ',
      [
        [0, 'picture (rows) listens to sound'],
        [1, 'sound (rows) looks at picture'],
      ],
      rows => (choices.rows = rows ? 'audio' : 'video'),
    );
    this.source = choice(
      SHOWN[reads.length > 1 ? 'both' : reads[0]],
      choices.sources.map(({words}, i) => [i, words]),
      source => {
        choices.source = source;
        otherSource();
      },
    );
    this.band.label.hidden = maps.bands === 'none';
    this.pictureMoment.label.hidden = pictureMoments < 2;
    this.source.label.hidden = choices.sources.length < 2;
    this.show(choices);
  }

  /** What was chosen elsewhere. @param {Choices} choices */
  show(choices) {
    this.moment.select.value = String(choices.moment);
    this.band.select.value = String(choices.band);
    this.pictureMoment.select.value = String(choices.pictureMoment);
  }
}

class Choice {
  /** @param {string} words @param {Option[]} options @param {(value: number) => void} choose */
  constructor(words, options, choose) {
    this.select = make('select', {onchange: () => choose(Number(this.select.value))});
    this.select.append(...options.map(([value, words]) => make('option', {value}, words)));
    this.label = make('label', {class: 's2s-choice'}, words, this.select);
  }
}

/** @param {Maps} maps @returns {Option[]} */
function headOptions(maps) {
  const heads = maps.video?.shape[1] ?? 1;
  if (heads > 1) return [[-1, `average of ${heads} heads`], ...options(heads, i => `head ${i + 1}`)];
  return [[-1, maps.video?.shape && maps.note ? 'average of the heads' : 'the only head']];
}

/** @param {number} moments */
function momentOptions(moments) {
  return options(moments, i => momentSpan(i, moments));
}

/** @param {number} count @param {(i: number) => string} words @returns {Option[]} */
function options(count, words) {
  return Array.from({length: count}, (_, i) => [i, words(i)]);
}
