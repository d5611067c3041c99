// What a view shares with the page around it: its value from Python, files, the theme, its own end.

/** What Python has sent as JSON; null before it has sent anything.
 * @param {{value: string | null}} props @returns {any} */
export function valueOf(props) {
  return props.value ? JSON.parse(props.value) : null;
}

/** The address of a file that gradio serves, which also holds where the app lives under a sub-path.
 * @param {string} path on the server */
export function servedFile(path) {
  return (window.gradio_config?.root ?? '').replace(/\/$/, '') + '/gradio_api/file=' + path;
}

/** Downloads. @param {string} address @param {string} name of the file */
export function saveAs(address, name) {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

export function isDark() {
  return document.body.classList.contains('dark');
}

/** An observer that calls when the page turns dark or light. @param {() => void} changed */
export function watchTheme(changed) {
  let wasDark = isDark();
  const observer = new MutationObserver(() => {
    if (isDark() === wasDark) return;
    wasDark = isDark();
    changed();
  });
  observer.observe(document.body, {attributes: true, attributeFilter: ['class']});
  return observer;
}

/** Calls once when the element has left the document: js_on_load has no hook for that.
 * @param {HTMLElement} element @param {() => void} end */
export function whenRemoved(element, end) {
  const observer = new MutationObserver(() => {
    if (element.isConnected) return;
    observer.disconnect();
    end();
  });
  observer.observe(document.body, {childList: true, subtree: true});
}
