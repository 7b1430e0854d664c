// The page of a system: measures, card, training, speed, slices, and a list of its failures to browse.
"use strict";

{
  const { make, page } = lbar;
  const { standing, entry } = page;

  lbar.main.append(
    make("h1", {}, page.label),
    make("p", { class: "soft" }, page.about || page.name.slice(0, 200)),
    make("p", {}, `Place ${entry.place} of ${standing.systems} under `, make("a", { href: `${lbar.root}index.html#${encodeURIComponent(standing.id)}` }, standing.title), entry.group ? `, group ${entry.group}.` : "."),
    make("div", { class: "figures" }, standing.measures.map((name, index) => {
      const values = entry.values[index];
      return values ? make("div", {}, make("small", {}, name), make("b", {}, lbar.number(values[0], lbar.digits(standing, name))), make("small", {}, lbar.range(values[1], values[2], lbar.digits(standing, name)))) : "";
    })),
    standing.systems > 1 ? make("p", {}, make("a", { href: `${lbar.root}compare.html#${[standing.id, entry.id].map(encodeURIComponent).join("&")}` }, "Compare it with another system")) : "",
    make("h2", {}, "Card"),
    make("dl", {}, Object.entries(page.facts).filter(([, value]) => value).map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    page.card ? make("details", {}, make("summary", {}, "The whole card"), make("pre", {}, JSON.stringify(page.card, null, 2))) : "");

  if (page.curves) lbar.main.append(make("h2", {}, "Training"), lbar.curves(page.curves));

  const stages = Object.entries(page.stages);
  if (stages.length) {
    const total = stages.reduce((sum, [, seconds]) => sum + seconds, 0) || 1;
    lbar.main.append(make("h2", {}, "Where the time goes"), make("p", { class: "soft" }, standing.hardware),
      lbar.bars(stages.map(([label, seconds]) => ({ label, share: seconds / total, text: `${lbar.seconds(seconds)}, ${((100 * seconds) / total).toFixed(0)} %` }))));
  }

  const show = async () => {
    const status = make("p", { class: "soft" }, "Loading the answers…");
    lbar.main.append(status);
    try {
      const [queries, answers] = await Promise.all([lbar.queries(standing.id), lbar.answers(standing.id, entry.id)]);
      status.remove();
      draw(queries, answers);
    } catch (error) {
      status.textContent = `The answers cannot be shown: ${error.message}.`;
      status.className = "warn";
    }
  };

  const draw = (queries, answers) => {
    const values = answers.measure[standing.primary];
    const slices = lbar.slices(queries, answers);
    const { line, marks } = lbar.failures({ queries, answers, document: page });
    const worst = Array.from(answers.rank.keys()).sort((a, b) => answers.rank[b] - answers.rank[a] || values[a] - values[b] || a - b);

    if (slices.length) {
      lbar.main.append(make("h2", {}, `${standing.primary} by kind of query`));
      for (const { title, parts } of slices) {
        lbar.main.append(make("h3", {}, title), lbar.bars(parts.map(({ label, queries: chosen }) => {
          const { mean, low, high } = lbar.meanOf(values, chosen, queries.clusters);
          return { label, share: mean, text: `${lbar.number(mean)} (${low === undefined ? "one clip" : lbar.range(low, high)}), ${lbar.count(chosen.length)} queries` };
        })));
      }
    }

    const all = worst;
    const kinds = [
      ["all", "all queries", () => true],
      ["missed", "right clip below rank 10", (query) => answers.rank[query] > 10],
      ["suspect", "systems agree on another", (query) => marks(query).includes("systems agree on another")],
      ["also", "the top clip is also true", (query) => marks(query).includes("the top clip is also true")],
      ["twins", "duplicates", (query) => marks(query).some((mark) => mark.endsWith("of several clips"))],
      ["tied", "tied scores", (query) => marks(query).includes("tied")],
      ...slices.flatMap(({ title, parts }) => parts.map(({ label, queries: chosen }) => {
        const set = new Set(chosen);
        return [`${title}: ${label}`, `${title.toLowerCase()} ${label}`, (query) => set.has(query)];
      })),
    ].filter(([key, , keeps]) => key === "all" || all.some(keeps));
    const state = { kind: "all", text: "", best: false };
    const list = make("div");
    const count = make("span", { class: "soft", role: "status" });
    const update = () => {
      const keeps = kinds.find(([key]) => key === state.kind)[2];
      const text = state.text.toLowerCase();
      const kept = all.filter((query) => keeps(query) && (!text || queries.texts[query].toLowerCase().includes(text) || queries.clips[queries.clip[query]].toLowerCase().includes(text)));
      if (state.best) kept.reverse();
      count.textContent = kept.length === all.length ? "" : `${lbar.count(kept.length)} of ${lbar.count(all.length)}`;
      list.replaceChildren(kept.length ? lbar.paged(kept, line) : make("p", { class: "soft" }, "No query matches."));
    };
    const search = make("input", { type: "search", placeholder: "Search captions and clips", "aria-label": "Search captions and clips", size: 32, oninput: () => { state.text = search.value; update(); } });
    lbar.main.append(
      make("h2", { id: "failures" }, "Where it fails"),
      make("p", { class: "soft" }, "Queries by the rank of their relevant clip or caption, the worst first. Open one for the ten best results."),
      queries.whyNot ? make("p", { class: "warn" }, make("small", {}, `No players and no further relevance here: ${queries.whyNot}`)) : "",
      make("div", { class: "controls" },
        lbar.select("Kind of query", kinds.map(([key, text]) => [key, text]), "all", (kind) => { state.kind = kind; update(); }),
        search,
        lbar.select("Order", [["worst", "worst first"], ["best", "best first"]], "worst", (order) => { state.best = order === "best"; update(); }),
        count),
      list);
    update();
  };

  if (page.answered) show();
  else lbar.main.append(make("p", { class: "warn" }, "The run folder does not hold the answers, so no queries can be shown."));
}
