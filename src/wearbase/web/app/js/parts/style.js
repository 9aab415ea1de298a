// A style sheet that only some pages need: a page's module waits for it, so that nothing is drawn without it.
export function style(name) {
  const href = new URL(`../../css/${name}`, import.meta.url).href;
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: resolve, onerror: resolve });
    document.head.append(link);
  });
}
