// A file that was just written is fetched at once; a DownloadButton alone would need a second click.
import {saveAs} from '../viewer/page.js';

/** @param {{url: string, orig_name: string} | null} file as gradio describes it; null where none could be written */
export function save(file) {
  if (file) saveAs(file.url, file.orig_name);
}

/** Copies a text, or saves it as a file where the browser lets no page copy: only https and one's own machine may.
 * @param {string} text @param {string} name of the file @param {{copied: string, saved: string}} said of either
 * @returns {Promise<string>} what was done */
export async function copyOrSave(text, name, said) {
  try {
    await navigator.clipboard.writeText(text);
    return said.copied;
  } catch {
    const address = URL.createObjectURL(new Blob([text], {type: 'text/plain'}));
    saveAs(address, name);
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    return said.saved;
  }
}
