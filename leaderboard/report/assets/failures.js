// Where a system fails: its worst queries with the clips it ranked first, slices, and queries with doubtful labels.
"use strict";

{
  const { make } = lbar;

  const bins = (values, edges, unit) => (query) => {
    const value = values(query);
    if (value === undefined) return null;
    const index = edges.findIndex((edge) => value <= edge);
    const low = index === 0 ? null : edges[(index < 0 ? edges.length : index) - 1];
    if (index < 0) return { order: edges.length, label: `> ${low} ${unit}` };
    // Numbers of words are integers: above a bin that ends with 7 begins one with 8.
    const from = unit === "words" ? low + 1 : low;
    return { order: index, label: low === null ? `≤ ${edges[0]} ${unit}` : from === edges[index] ? `${from} ${unit}` : `${from} – ${edges[index]} ${unit}` };
  };

  // Distinct thresholds that split the queries into parts of about equal size.
  const edges = (values) => {
    const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
    return [...new Set([0.25, 0.5, 0.75].map((level) => sorted[Math.floor(level * (sorted.length - 1))]))].filter((edge) => edge < sorted[sorted.length - 1]);
  };

  lbar.slices = (queries, answers) => {
    const all = queries.texts.map((_, query) => query);
    const words = (query) => queries.texts[query].trim().split(/\s+/).length;
    const seconds = (query) => queries.seconds[queries.clips[queries.clip[query]]];
    const events = (query) => queries.events[queries.clips[queries.clip[query]]];
    const kinds = [
      ["Caption length", bins(words, edges(all.map(words)), "words")],
      ["Clip length", bins(seconds, edges(all.map(seconds)), "s")],
      ["Sounds in the clip", (query) => (events(query) === undefined ? null : { order: events(query), label: String(events(query)) })],
      ["Tied scores", (query) => (answers.optimistic === null ? null
        : answers.optimistic[query] === answers.rank[query] ? { order: 0, label: "no tie" } : { order: 1, label: "tied" })],
    ];
    return kinds.map(([title, part]) => {
      const parts = new Map();
      for (const query of all) {
        const found = part(query);
        if (found === null) continue;
        if (!parts.has(found.label)) parts.set(found.label, { ...found, queries: [] });
        parts.get(found.label).queries.push(query);
      }
      return { title, parts: [...parts.values()].sort((a, b) => a.order - b.order) };
    }).filter(({ parts }) => parts.length > 1);
  };

  // Mean and 95 % interval, from the standard error over clips: each clip sums the deviations of its queries.
  lbar.meanOf = (values, chosen, clusters) => {
    const mean = chosen.reduce((total, query) => total + values[query], 0) / chosen.length;
    const off = new Map();
    for (const query of chosen) off.set(clusters[query], (off.get(clusters[query]) ?? 0) + values[query] - mean);
    const clips = off.size;
    if (clips < 2) return { mean };
    const spread = Math.sqrt([...off.values()].reduce((total, value) => total + value * value, 0) * (clips / Math.max(clips - 1, 1))) / chosen.length;
    return { mean, low: Math.max(0, mean - 1.96 * spread), high: Math.min(1, mean + 1.96 * spread) };
  };

  lbar.failures = (context) => {
    const { queries, answers, document: about } = context;
    const standing = about.standing;
    const asksText = standing.direction === "text-to-audio";
    const suspects = new Map(queries.suspects.map(([query, item, votes]) => [query, { item, votes }]));
    const twins = new Map();
    for (const group of queries.sameText) for (const query of group) twins.set(query, group.filter((other) => other !== query));
    const sameAudio = new Map();
    for (const group of queries.sameAudio) for (const clip of group) sameAudio.set(clip, group.filter((other) => other !== clip));

    const player = (clip) => {
      const address = queries.audio[clip];
      if (!address) return "";
      const audio = make("audio", { controls: true, preload: "none", src: address.startsWith("file:") ? address : lbar.root + address, "aria-label": `Play ${clip}` });
      audio.addEventListener("error", () => audio.replaceWith(make("small", { class: "warn" }, " its audio is no longer there")));
      return audio;
    };

    const marks = (query) => {
      const first = lbar.best(answers, query)[0];
      const found = [];
      if ((queries.also[query] ?? []).includes(first)) found.push("the top clip is also true");
      if (suspects.has(query)) found.push("systems agree on another");
      if (twins.has(query)) found.push("caption of several clips");
      if (sameAudio.has(queries.clips[queries.clip[query]])) found.push("audio of several clips");
      if (answers.optimistic && answers.optimistic[query] !== answers.rank[query]) found.push("tied");
      return found;
    };

    const inside = (query) => {
      const right = new Set(queries.right[query]), also = new Set(queries.also[query] ?? []);
      const clip = queries.clips[queries.clip[query]];
      const best = lbar.best(answers, query);
      const list = make("ol", { class: "best" }, best.map((item) => make("li", { class: right.has(item) ? "right" : null },
        make("span", { class: "clip" }, queries.items[item]),
        right.has(item) ? make("small", {}, " right") : also.has(item) ? make("small", {}, " also true") : "",
        asksText ? player(queries.items[item]) : "")));
      const others = make("div");
      const more = make("button", { class: "more", type: "button" }, "What the other systems ranked");
      more.addEventListener("click", async () => {
        more.disabled = true;
        const { entries: all } = await lbar.load(`${standing.id}/standing`);
        const entries = all.filter((entry) => entry.id !== about.entry.id).slice(0, 20);
        const rows = await Promise.all(entries.map(async (entry) => {
          try {
            const other = await lbar.answers(standing.id, entry.id);
            return [entry, other.rank[query], lbar.best(other, query).slice(0, 3)];
          } catch {
            return [entry, null, []];
          }
        }));
        others.replaceChildren(make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {}, ["system", "rank", "its first three"].map((text) => make("th", { scope: "col" }, text)))),
          make("tbody", {}, rows.map(([entry, rank, three]) => make("tr", {}, make("td", {}, entry.label), make("td", {}, rank === null ? "unknown" : lbar.count(rank)),
            make("td", {}, three.map((item, index) => [index ? ", " : "", right.has(item) ? make("b", {}, queries.items[item]) : queries.items[item]]))))))));
        more.remove();
      });
      const notes = [];
      if (suspects.has(query)) notes.push(`${suspects.get(query).votes} systems rank ${queries.items[suspects.get(query).item]} first: the label may be wrong or incomplete.`);
      if (also.size) notes.push(`Also true of ${also.size === 1 ? "one other clip" : `${also.size} other clips`}.`);
      if (twins.has(query)) notes.push(`The same caption was written for ${[...new Set(twins.get(query).map((other) => queries.clips[queries.clip[other]]))].slice(0, 5).join(", ")}.`);
      if (sameAudio.has(clip)) notes.push(`The same audio is in ${sameAudio.get(clip).join(", ")}.`);
      return make("div", { class: "inside" },
        make("p", {}, make("small", {}, asksText ? "Written for " : "Captions of this clip are right. "), asksText ? make("b", {}, clip) : "", player(clip)),
        notes.map((note) => make("p", { class: "soft" }, note)),
        best.length ? list : make("p", { class: "soft" }, "The ranking of this run was not kept."),
        standing.systems > 1 ? more : "", others);
    };

    const line = (query) => {
      const place = answers.rank[query];
      const element = make("details", {}, make("summary", {},
        make("span", { class: "rank" }, `rank ${lbar.count(place)}`),
        make("span", {}, queries.texts[query], " ", marks(query).map((mark) => [make("span", { class: "tag" }, mark), " "]))));
      element.addEventListener("toggle", () => {
        if (element.open && element.children.length === 1) element.append(inside(query));
      });
      return element;
    };

    return { line, marks };
  };
}
