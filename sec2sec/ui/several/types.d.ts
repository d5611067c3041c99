// What panel.py sends of a list of clips.

export interface SeveralProps {
  /** A ClipList as JSON. */
  value: string | null;
}

export interface ClipList {
  /** Larger for what is newer. */
  serial: number;
  /** What the model learned from, a sentence. */
  learned: string;
  lines: ClipLine[];
}

export interface ClipLine {
  name: string;
  state: 'waiting' | 'running' | 'done' | 'failed';
  /** Why it failed; empty else. */
  reason: string;
  length: string;
  targets: Record<string, {words: string; verdict: string; reason: string}>;
}
