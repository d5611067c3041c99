// What compare/payload.py sends: how a comparison's sides are played, and where two models differ.

export interface CompareProps {
  /** A Comparison as JSON. */
  value: string | null;
}

export interface Comparison {
  mode: 'models' | 'clips';
  sides: Side[];
  pairs: Pair[];
  notes: string[];
}

export interface Side {
  letter: string;
  title: string;
  /** Id of what holds its video. */
  player: string;
  /** s; where the analysed part begins in what is played. */
  offset: number;
  duration: number;
  seconds: number;
}

/** Two models, by their sides. */
export interface Pair {
  first: number;
  second: number;
  targets: Agreement[];
}

/** How they agree on one target, in words, and the effect of each second in both. */
export interface Agreement {
  name: string;
  effect: string;
  attention: string;
  first: number[];
  second: number[];
  difference: number[];
  /** Seconds, the largest difference first. */
  order: number[];
}
