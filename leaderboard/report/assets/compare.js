// Two systems of a standing, query by query, with the same statistics as `lbar compare`.
"use strict";

{
  const { make, page } = lbar;
  const standings = page.standings.filter((standing) => standing.entries.length > 1);
  const result = make("div", { "aria-live": "polite" });
  const chosen = { standing: standings[0], first: 0, second: 1 };

  const read = () => {
    const [id, first, second] = location.hash.slice(1).split("&").map(decodeURIComponent);
    chosen.standing = standings.find((standing) => standing.id === id) ?? standings[0];
    const place = (wanted, otherwise) => {
      const index = chosen.standing.entries.findIndex((entry) => entry.id === wanted);
      return index < 0 ? otherwise : index;
    };
    chosen.first = place(first, 0);
    chosen.second = place(second, chosen.first === 0 ? 1 : 0);
  };

  const write = () => {
    const { standing, first, second } = chosen;
    location.hash = [standing.id, standing.entries[first].id, standing.entries[second].id].map(encodeURIComponent).join("&");
  };

  const controls = make("div", { class: "controls" });
  const update = async () => {
    read();
    const { standing } = chosen;
    const options = standing.entries.map((entry, index) => [String(index), entry.label]);
    controls.replaceChildren(
      standings.length > 1 ? lbar.select("Protocol", standings.map((one) => [one.id, one.title]), standing.id, (id) => { location.hash = encodeURIComponent(id); }) : "",
      lbar.select("First system", options, String(chosen.first), (index) => { chosen.first = Number(index); write(); }),
      make("span", { class: "soft" }, "against"),
      lbar.select("Second system", options, String(chosen.second), (index) => { chosen.second = Number(index); write(); }));
    const [first, second] = [standing.entries[chosen.first], standing.entries[chosen.second]];
    if (first === second) {
      result.replaceChildren(make("p", { class: "soft" }, "Both are the same system; choose another one."));
      return;
    }
    result.replaceChildren(make("p", { class: "soft" }, "Comparing…"));
    try {
      const [queries, a, b] = await Promise.all([lbar.queries(standing.id), lbar.answers(standing.id, first.id), lbar.answers(standing.id, second.id)]);
      draw(standing, first, second, queries, a, b);
    } catch (error) {
      result.replaceChildren(make("p", { class: "warn" }, `These two cannot be compared: ${error.message}.`));
    }
  };

  const draw = (standing, first, second, queries, a, b) => {
    // A median is no mean of differences.
    const names = standing.measures.filter((name) => !standing.medians.includes(name));
    const differences = names.map((name) => a.measure[name].map((value, query) => value - b.measure[name][query]));
    const found = lbar.paired(differences, queries.clusters);
    const header = ["", first.label, second.label, "difference", "95 %", "p", "won", "lost", "tied"];
    const rows = found.map((one, of) => make("tr", {},
      make("th", { scope: "row" }, names[of]),
      ...[first, second].map((entry) => make("td", { class: "number" }, lbar.number(entry.values[standing.measures.indexOf(names[of])][0]))),
      make("td", { class: "number difference" }, lbar.signed(one.value)),
      make("td", { class: "number" }, `${lbar.signed(one.low)} to ${lbar.signed(one.high)}`),
      make("td", { class: "number" }, lbar.pValue(one.corrected), one.corrected <= 0.05 ? " *" : ""),
      ...[one.won, one.lost, standing.queries - one.won - one.lost].map((count) => make("td", { class: "number" }, lbar.count(count)))));
    const primary = differences[0];
    const order = Array.from(primary.keys()).sort((p, q) => Math.abs(primary[q]) - Math.abs(primary[p]) || Math.abs(b.rank[q] - a.rank[q]) - Math.abs(b.rank[p] - a.rank[p]));
    const better = found[0].corrected <= 0.05 ? (found[0].value > 0 ? first : second) : null;
    result.replaceChildren(
      make("h2", {}, better ? `${better.label} is better by ${standing.primary}` : `By ${standing.primary} the two cannot be told apart`),
      make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Comparison" },
        make("table", {}, make("thead", {}, make("tr", {}, header.map((text, index) => make("th", { scope: "col", class: index ? "number" : null }, text)))), make("tbody", {}, rows))),
      make("p", { class: "soft" }, make("small", {}, "Differences are the first system minus the second. 95 % intervals by bootstrap over clips; p by permutation over clips, Holm-corrected for the measures; * marks p ≤ 0.05. Won, lost and tied count queries.")),
      make("h2", {}, "Where they differ most"),
      lbar.paged(order.filter((query) => a.rank[query] !== b.rank[query]), (query) => make("details", {},
        make("summary", {}, make("span", { class: "rank" }, `${lbar.count(a.rank[query])} : ${lbar.count(b.rank[query])}`), make("span", {}, queries.texts[query])),
        make("div", { class: "inside" }, [[first, a], [second, b]].map(([entry, answers]) => make("p", {}, make("b", {}, entry.label), `: ${lbar.best(answers, query).slice(0, 3).map((item) => queries.items[item]).join(", ") || "ranking not kept"}`)),
          make("p", { class: "soft" }, `Right: ${queries.right[query].map((item) => queries.items[item]).join(", ")}`)))));
  };

  lbar.main.append(make("h1", {}, "Compare two systems"));
  if (!standings.length) lbar.main.append(make("p", {}, "No protocol has two systems to compare."));
  else {
    lbar.main.append(controls, result);
    addEventListener("hashchange", update);
    update();
  }
}
