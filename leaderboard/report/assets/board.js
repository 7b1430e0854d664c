// The board: a table for each standing that sorts, searches and filters, its plot, and runs that are not comparable.
"use strict";

{
  const { make, page } = lbar;

  const highest = (standing) => Math.max(...standing.entries.map((entry) => entry.values[0]?.[2] ?? entry.values[0]?.[0] ?? 0)) || 1;

  const columns = (standing, most = highest(standing)) => [
    { key: "place", title: "#", number: true, of: (entry) => entry.place ?? null, cell: (entry) => (entry.place ? String(entry.place) : make("span", { class: "tag", title: "reported, not measured here" }, "rep.")) },
    { key: "system", title: "system", of: (entry) => entry.label.toLowerCase(), cell: name },
    ...standing.measures.map((title, index) => ({
      key: title, title, down: !standing.medians.includes(title), class: "measure",
      of: (entry) => entry.values[index]?.[0] ?? null,
      cell: (entry) => value(entry.values[index], lbar.digits(standing, title)),
    })),
    { key: "interval", title: standing.primary, plain: true, of: () => null, cell: (entry) => whisker(entry.values[0], most) },
    { key: "group", title: "group", of: (entry) => entry.group || null, cell: (entry) => entry.group },
    { key: "parameters", title: "parameters", number: true, of: (entry) => entry.costs.parameters, cell: (entry) => lbar.size(entry.costs.parameters) },
    { key: "speed", title: "clips/s", number: true, down: true, of: (entry) => entry.costs.throughput, cell: (entry) => (entry.costs.throughput ? lbar.count(Math.round(entry.costs.throughput)) : "") },
    { key: "p95", title: "query p95", number: true, of: (entry) => entry.p95 ?? null, cell: (entry) => (entry.p95 ? lbar.seconds(entry.p95) : "") },
    { key: "trained", title: "trained on", class: "words", of: (entry) => entry.trained || null, cell: (entry) => entry.trained },
    { key: "date", title: "date", down: true, class: "whole", of: (entry) => entry.date, cell: (entry) => entry.date },
  ].filter((column) => ["place", "system", "interval"].includes(column.key) || standing.entries.some((entry) => column.of(entry) !== null));

  const name = (entry) => {
    const label = entry.id ? make("a", { class: "label", href: `systems/${entry.id}.html`, title: entry.label }, entry.label) : make("span", { class: "label" }, entry.label);
    const about = entry.reported
      ? [`reported: ${entry.reported.source}`, entry.reported.confidence === "secondary" ? "quoted by others" : "", entry.reported.note]
      : [entry.stage, entry.precision === "fp32" ? "" : entry.precision, entry.tied ? `${(100 * entry.tied).toFixed(1)} % tied` : ""];
    return [label, make("small", {}, about.filter(Boolean).join("; "))];
  };

  const value = (values, digits) => {
    if (!values) return "";
    const [mean, low, high] = values;
    return [lbar.number(mean, digits), low === undefined ? "" : make("span", { class: "range" }, lbar.range(low, high, digits))];
  };

  const whisker = (values, most) => {
    if (!values) return "";
    const X = (one) => 4 + (112 * one) / most;
    const [mean, low, high] = values;
    const svg = make("svg", { class: "mini", width: 120, height: 18, "aria-hidden": "true" });
    svg.append(make("line", { class: "axis", x1: 4, x2: 116, y1: 9, y2: 9 }));
    if (low !== undefined) svg.append(make("line", { class: "best-whisker", x1: X(low), x2: X(high), y1: 9, y2: 9, "stroke-width": 3 }));
    svg.append(make("circle", { class: low === undefined ? "dot hollow" : "dot best", cx: X(mean), cy: 9, r: 4 }));
    return svg;
  };

  // A function from the state of the controls to the entries that are shown, in their order.
  const chooser = (standing) => {
    const words = new Map(standing.entries.map((entry) => [entry, [entry.label, entry.stage, entry.trained, entry.precision, entry.reported?.source, entry.reported?.team].join(" ").toLowerCase()]));
    return (state) => {
      const parts = state.text.toLowerCase().split(/\s+/).filter(Boolean);
      const kept = standing.entries.filter((entry) => (state.reported || !entry.reported) && parts.every((part) => words.get(entry).includes(part)));
      const keys = new Map(kept.map((entry) => [entry, state.column.of(entry)]));
      return kept.sort((first, second) => {
        const [a, b] = [keys.get(first), keys.get(second)];
        if (a === null || b === null) return (a === null) - (b === null);
        return (a < b ? -1 : a > b ? 1 : 0) * (state.down ? -1 : 1);
      });
    };
  };

  // A function that shows entries in a table's body; each row is built once.
  const filler = (body, shown) => {
    const rows = new Map();
    const row = (entry) => {
      if (!rows.has(entry)) {
        rows.set(entry, make("tr", { class: entry.reported ? "reported" : "" },
          shown.map((column) => make("td", { class: [column.number ? "number" : "", column.class ?? "", column.key === "system" ? "name" : ""].join(" ").trim() || null }, column.cell(entry)))));
      }
      return rows.get(entry);
    };
    let turn = 0;
    return (entries) => {
      // The first hundred rows are there at once, and the others follow in steps, so that the page stays responsive.
      const own = (turn += 1);
      const follow = (from) => {
        if (own !== turn || from >= entries.length) return;
        body.append(...entries.slice(from, from + 100).map(row));
        setTimeout(follow, 0, from + 100);
      };
      body.replaceChildren();
      follow(0);
    };
  };

  const draw = (standing) => {
    const shown = columns(standing);
    const state = { column: shown.find((column) => column.key === standing.primary), down: true, text: "", reported: true };
    const body = make("tbody");
    const count = make("span", { class: "soft", role: "status" });
    const [choose, fill] = [chooser(standing), filler(body, shown)];
    const headers = shown.map((column) => {
      const sort = () => {
        state.down = state.column === column ? !state.down : Boolean(column.down);
        state.column = column;
        update();
      };
      return make("th", { scope: "col", class: column.number ? "number" : null },
        column.plain || !column.title ? make("span", {}, column.title) : make("button", { type: "button", onclick: sort }, column.title));
    });
    const update = () => {
      shown.forEach((column, index) => {
        if (column === state.column) headers[index].setAttribute("aria-sort", state.down ? "descending" : "ascending");
        else headers[index].removeAttribute("aria-sort");
      });
      const kept = choose(state);
      fill(kept);
      count.textContent = kept.length === standing.entries.length ? "" : `${kept.length} of ${standing.entries.length}`;
    };
    const search = make("input", { type: "search", placeholder: "Search systems and training data", "aria-label": "Search systems and training data", size: 36, oninput: () => { state.text = search.value; update(); } });
    const reported = make("input", { type: "checkbox", checked: true, onchange: () => { state.reported = reported.checked; update(); } });
    update();
    return make("section", { "aria-label": standing.title },
      make("h1", {}, standing.protocol),
      make("p", { class: "soft" }, `${standing.title.split(", ").slice(1).join(", ")}; ${lbar.count(standing.clips)} clips. Values with 95 % intervals over clips.`),
      make("div", { class: "controls" }, search,
        standing.entries.some((entry) => entry.reported) ? make("label", {}, reported, "reported by others") : "",
        standing.entries.filter((entry) => entry.id).length > 1 ? make("a", { href: `compare.html#${standing.id}` }, "Compare two systems") : "",
        count),
      make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `Table of ${standing.title}` },
        make("table", {}, make("thead", {}, make("tr", {}, headers)), body)),
      explained(standing),
      make("h2", {}, "Quality against cost"),
      plots(standing));
  };

  // What the table's letters and speeds mean, and what could not be found out.
  const explained = (standing) => [
    standing.entries.some((entry) => entry.group) ? make("p", { class: "soft" }, make("small", {}, "Systems that share a letter cannot be told apart by ", standing.primary, ": permutation over clips, Holm-corrected, p > 0.05.")) : "",
    standing.hardware ? make("p", { class: "soft" }, make("small", {}, `Speed on ${standing.hardware}.`)) : "",
    standing.notes.map((note) => make("p", { class: "warn" }, make("small", {}, note))),
  ];

  const plots = (standing) => {
    const known = page.axes.filter((axis) => standing.entries.some((entry) => entry.costs[axis.name]));
    const chosen = { axis: known[0], measure: 0 };
    const place = make("div");
    if (!known.length) return make("p", { class: "soft" }, "No cost of these systems is known: no number of parameters, and no speed.");
    const update = () => place.replaceChildren(...[lbar.pareto(standing.entries, chosen.measure, standing.measures[chosen.measure], chosen.axis)].flat());
    const controls = make("div", { class: "controls" },
      lbar.select("Measure", standing.measures.map((title, index) => [String(index), title]).filter(([, title]) => !standing.medians.includes(title)), "0", (index) => { chosen.measure = Number(index); update(); }),
      make("span", { class: "soft" }, "against"),
      lbar.select("Cost", known.map((axis) => [axis.name, axis.label]), chosen.axis.name, (name) => { chosen.axis = known.find((axis) => axis.name === name); update(); }));
    // The table is drawn first, since a plot of hundreds of points takes longer.
    requestAnimationFrame(() => setTimeout(update));
    return make("div", {}, controls, place);
  };

  if (!page.standings.length) lbar.main.append(make("h1", {}, "Leaderboard"), make("p", {}, "There are no runs yet: lbar eval SYSTEM makes one."));
  const sections = page.standings.map(draw);
  if (sections.length > 1) {
    const show = () => {
      const wanted = decodeURIComponent(location.hash.slice(1));
      const index = Math.max(0, page.standings.findIndex((standing) => standing.id === wanted));
      sections.forEach((section, one) => { section.hidden = one !== index; });
      select.value = page.standings[index].id;
    };
    const select = lbar.select("Protocol", page.standings.map((standing) => [standing.id, standing.title]), null, (id) => { location.hash = encodeURIComponent(id); });
    lbar.main.append(make("div", { class: "controls" }, select));
    addEventListener("hashchange", show);
    show();
  }
  lbar.main.append(...sections);
  if (page.apart.length) {
    lbar.main.append(make("h2", {}, "Not comparable"), make("dl", {}, page.apart.map(([what, reason]) => [make("dt", {}, what), make("dd", {}, reason)])));
  }
}
