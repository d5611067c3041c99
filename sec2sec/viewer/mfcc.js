// The sound of one second as a picture: its MFCC, the lowest coefficient at the bottom.
/** @import {Payload} from './types.d.ts' */
import {bytesOf} from './maps.js';

export class MfccImage {
  /** @param {NonNullable<Payload['mfcc']>} sent */
  constructor(sent) {
    const [, coefficients, steps] = sent.shape;
    this.coefficients = coefficients;
    this.steps = steps;
    this.levels = bytesOf(sent.data);
  }

  /** @param {HTMLCanvasElement} canvas @param {number} second */
  draw(canvas, second) {
    const {coefficients, steps, levels} = this;
    const first = second * coefficients * steps;
    canvas.width = steps;
    canvas.height = coefficients;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('this browser draws no canvas');
    const image = context.createImageData(steps, coefficients);
    for (let y = 0; y < coefficients; y++) {
      for (let x = 0; x < steps; x++) {
        const grey = 20 + levels[first + y * steps + x] * 0.8;
        image.data.set([grey, grey, grey, 255], 4 * ((coefficients - 1 - y) * steps + x));
      }
    }
    context.putImageData(image, 0, 0);
  }
}
