// Searching: words, what the systems answer, and what somebody keeps of it.
"use strict";

{
  const { make, page } = lbar;
  const asked = { words: "", without: "", folder: "", longest: "", system: 0, beside: -1, like: null };
  let number = 0;

  // What a browser remembers of this collection; where it may not, the page works all the same.
  const remembered = (what, value) => {
    const key = `lbar ${what} ${page.name}`;
    try {
      if (value !== undefined) localStorage.setItem(key, JSON.stringify(value));
      return JSON.parse(localStorage.getItem(key)) ?? [];
    } catch {
      return value ?? [];
    }
  };
  let starred = remembered("stars"), searched = remembered("history");

  const labelled = (text, element) => make("label", {}, text, element);
  const field = make("input", { type: "search", id: "words", name: "words", autocomplete: "off", placeholder: "rain on a tin roof, thunder far away", "aria-label": "What do you want to hear?" });
  const without = make("input", { type: "search", autocomplete: "off", "aria-label": "but not" });
  const status = make("p", { role: "status", class: "soft" });
  const answers = make("div", { class: "columns" });
  const examples = make("div", { class: "examples" });
  const kept = make("section", { hidden: true });
  const history = make("details", { hidden: true });

  const choice = (label, options, name) => options.length < 2 ? "" : labelled(label, lbar.select(label, options, options[0][0], (value) => {
    asked[name] = value;
    search(asked.like);
  }));
  const short = (folder) => folder.split("/").slice(-2).join("/");
  const systems = page.systems.map((name, index) => [index, name]);

  const search = async (like = null) => {
    asked.like = like;
    asked.words = like ? "" : field.value.trim();
    asked.without = without.value.trim();
    examples.hidden = Boolean(like || asked.words);
    number += 1;
    const own = number;
    answers.replaceChildren();
    status.textContent = "";
    if (!like && !asked.words) return;
    if (asked.words) {
      searched = remembered("history", [asked.words, ...searched.filter((words) => words !== asked.words)].slice(0, 30));
      showHistory();
    }
    status.textContent = "Searching …";
    const from = document.activeElement;
    const columns = [asked.system, asked.beside].filter((system, index) => index === 0 || system >= 0).map(Number);
    let first = true, counted = 0;
    // Each system's answers come as soon as it has them.
    const places = columns.map((system) => {
      const column = make("section", { "aria-label": `Answers of ${page.systems[system]}` }, columns.length > 1 ? make("h2", {}, page.systems[system]) : "");
      answers.append(column);
      return column;
    });
    await Promise.all(columns.map(async (system, index) => {
      const parameters = new URLSearchParams({ system, words: asked.words, without: asked.without, folder: asked.folder, top: 10 });
      if (asked.longest) parameters.set("longest", asked.longest);
      if (like) {
        parameters.set("like", like.recording);
        if (like.start > 0 || like.end < like.duration) parameters.set("at", (like.start + like.end) / 2);
      }
      let found, problem = "The server does not answer; is lbar listen still running?";
      try {
        const response = await fetch(`search?${parameters}`);
        const document_ = await response.json();
        if (response.ok) found = document_;
        else problem = typeof document_.detail === "string" ? document_.detail : "This cannot be asked.";
      } catch { /* The message stands. */ }
      if (own !== number) return;
      if (!found) {
        places[index].append(make("p", { class: "warn", role: "alert" }, problem));
        return;
      }
      const list = make("ol", { class: "answers" }, found.map(answer));
      places[index].append(found.length ? list : make("p", { class: "soft" }, "Nothing here is like that."));
      counted += found.length;
      // Who has gone on to another field, or goes through a menu, keeps the place.
      const at = document.activeElement;
      const free = at === document.body || (at === from && at.tagName !== "SELECT");
      if (first && free && list.children.length) list.querySelector("button").focus();
      first = false;
    }));
    // Where there are none, the place of the answers says why.
    if (own === number) status.textContent = counted ? `${counted} ${counted > 1 ? "answers" : "answer"}${like ? ` that sound like ${like.title}` : ""}; space plays and pauses` : "";
  };

  const same = (one, other) => one.file === other.file && one.start === other.start;

  const answer = (found) => {
    const place = { ...found, sound: `sound/${found.recording}` };
    const button = make("button", { type: "button", onclick: () => lbar.toggle(place), "aria-label": `Play ${found.title} from ${lbar.clock(found.start)}` }, "Play");
    const star = make("button", { type: "button", "aria-pressed": String(starred.some((one) => same(one, found))), "aria-label": `Star ${found.title}`, onclick: () => {
      const on = starred.some((one) => same(one, found));
      starred = remembered("stars", on ? starred.filter((one) => !same(one, found)) : [...starred, found]);
      star.setAttribute("aria-pressed", String(!on));
      showStarred();
    } }, "★");
    const sure = found.better_than === null ? "" : found.better_than === 1 ? "better than all unrelated words" : `better than ${(100 * found.better_than).toFixed(1)} % of unrelated words`;
    const where = new URLSearchParams({ start: found.start, end: found.end, duration: found.duration });
    const element = make("li", { class: "answer" },
      make("div", { class: "line" }, button, make("b", { class: "clip" }, found.title),
        found.right === true ? make("span", { class: "tag right" }, "truly right") : found.right === false ? make("span", { class: "tag" }, "not right") : ""),
      lbar.waveform(place, `waveform/${found.recording}?${where}`),
      make("div", { class: "line soft" }, make("span", {}, `${lbar.clock(found.start)} – ${lbar.clock(found.end)}`), make("span", {}, lbar.number(found.score)), make("span", {}, sure)),
      found.tags?.length ? make("div", { class: "line" }, found.tags.map((tag) => make("span", { class: "tag" }, tag))) : "",
      make("div", { class: "line" }, make("button", { type: "button", onclick: () => {
        field.value = "";
        search(place);
      } }, "More like this"), star, make("small", { class: "path" }, found.file)));
    place.element = element;
    place.button = button;
    return element;
  };

  const saved = (name, kind, text) => {
    const address = URL.createObjectURL(new Blob([text], { type: kind }));
    make("a", { href: address, download: name }).click();
    URL.revokeObjectURL(address);
  };
  const cell = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  const csv = () => saved("answers.csv", "text/csv", ["file", "start", "end", "score", "better_than"].join(",") + "\n"
    + starred.map((one) => [one.file, one.start, one.end, one.score, one.better_than].map(cell).join(",")).join("\n") + "\n");
  const m3u = () => saved("answers.m3u8", "audio/x-mpegurl", "#EXTM3U\n" + starred.map((one) =>
    `#EXTINF:${Math.round(one.end - one.start)},${one.title}\n#EXTVLCOPT:start-time=${one.start}\n#EXTVLCOPT:stop-time=${one.end}\n${one.file}\n`).join(""));
  const copies = () => make("a", { href: `copies?${new URLSearchParams(starred.map((one) => ["recording", one.recording]))}`, download: "" }).click();

  const showStarred = () => {
    kept.hidden = !starred.length;
    kept.replaceChildren(make("h2", {}, `Starred (${starred.length})`),
      make("div", { class: "controls" }, [["CSV", csv], ["Playlist (M3U)", m3u], ["Copies (zip)", copies]].map(([text, act]) => make("button", { type: "button", onclick: act }, text)),
        make("button", { type: "button", onclick: () => {
          starred = remembered("stars", []);
          showStarred();
        } }, "Clear")),
      make("ul", {}, starred.map((one) => make("li", {}, one.title, " ", make("small", {}, lbar.clock(one.start))))));
  };
  const showHistory = () => {
    history.hidden = !searched.length;
    history.replaceChildren(make("summary", {}, "History"), make("div", { class: "examples" }, searched.map(again)));
  };
  const again = (words) => make("button", { type: "button", onclick: () => {
    field.value = words;
    search();
  } }, words);

  const form = make("form", { role: "search", onsubmit: (event) => {
    event.preventDefault();
    search();
  } }, make("div", { class: "ask" }, field, make("button", { type: "submit" }, "Search")),
  make("div", { class: "controls" },
    labelled("but not", without),
    choice("System", systems, "system"),
    choice("Beside it", systems.length > 1 ? [[-1, "none"], ...systems] : [], "beside"),
    choice("Folder", page.folders.length > 1 ? [["", "all folders"], ...page.folders.map((folder) => [folder, short(folder)])] : [], "folder"),
    choice("Length", [["", "any length"], [10, "up to 10 s"], [60, "up to 1 min"], [600, "up to 10 min"]], "longest")));
  field.addEventListener("input", () => {
    if (!field.value) search();
  });

  examples.append(make("p", { class: "soft" }, "For example:"), ...page.examples.map(again));
  lbar.main.append(make("h1", {}, `Search ${page.name}`),
    make("p", { class: "soft" }, `${lbar.count(page.recordings)} recordings, heard by ${page.systems.join(" and ")}.`),
    form, status, examples, answers, kept, history, lbar.bar);
  showStarred();
  showHistory();
  field.focus();
}
