// A file that was just written is fetched at once; a DownloadButton alone would need a second click.
import {saveAs} from '../viewer/page.js';

/** @param {{url: string, orig_name: string} | null} file as gradio describes it; null where none could be written */
export function save(file) {
  if (file) saveAs(file.url, file.orig_name);
}
