// The answers of systems are loaded when needed, by script elements, which work from disk where fetch does not.
"use strict";

{
  const known = new Map();
  const waiting = new Map();

  lbar.receive = (key, document_) => {
    known.set(key, document_);
    waiting.get(key)?.(document_);
  };

  lbar.load = (key) => {
    if (!known.has(key)) {
      known.set(key, new Promise((resolve, reject) => {
        waiting.set(key, resolve);
        const script = document.createElement("script");
        script.src = `${lbar.root}data/${key.split("/").map(encodeURIComponent).join("/")}.js`;
        script.onerror = () => reject(new Error(`${key} is not beside this page`));
        document.head.append(script);
      }));
    }
    return Promise.resolve(known.get(key));
  };

  lbar.unpack = ({ w, b }) => {
    const bytes = Uint8Array.from(atob(b), (character) => character.charCodeAt(0));
    const kind = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[w];
    return new kind(bytes.buffer);
  };

  lbar.decode = ({ values, which }) => Float64Array.from(lbar.unpack(which), (index) => values[index]);

  lbar.answers = async (standing, id) => {
    const raw = await lbar.load(`${standing}/${id}`);
    raw.decoded ??= {
      rank: lbar.unpack(raw.rank),
      optimistic: raw.optimistic && lbar.unpack(raw.optimistic),
      best: raw.best && lbar.unpack(raw.best),
      kept: raw.kept,
      measure: Object.fromEntries(Object.entries(raw.measures).map(([name, coded]) => [name, lbar.decode(coded)])),
    };
    return raw.decoded;
  };

  lbar.queries = async (standing) => {
    const raw = await lbar.load(`${standing}/queries`);
    raw.decoded ??= { ...raw, clusters: lbar.unpack(raw.clusters), clip: lbar.unpack(raw.clip) };
    return raw.decoded;
  };

  lbar.best = (answers, query) => Array.from(answers.best?.subarray(query * answers.kept, (query + 1) * answers.kept) ?? []);
}
