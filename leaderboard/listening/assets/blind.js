// Which of two answers is better? The systems' names are told after the vote.
"use strict";

{
  const { make, page } = lbar;
  const blind = page.systems.length > 1;
  const query = make("h2", { tabindex: "-1" });
  const sides = make("div", { class: "columns" });
  const votes = make("div", { class: "choices" });
  const told = make("p", { role: "status" });
  let number = -1, voted = 0;

  const get = async (address, options) => {
    const response = await fetch(address, options);
    if (!response.ok) throw new Error((await response.json()).detail);
    return response.json();
  };

  const answer = (one, side, rank) => {
    const place = { sound: `sound/${one.item}`, start: 0, end: Infinity, title: `${side.toUpperCase()} ${rank}` };
    const button = make("button", { type: "button", "aria-label": `Play answer ${rank} of ${side.toUpperCase()}`, onclick: () => lbar.toggle(place) }, "Play");
    place.button = button;
    place.element = make("li", { class: "answer" }, make("div", { class: "line" }, button, blind ? "" : make("b", { class: "clip" }, one.name)), lbar.waveform(place, `waveform/${one.item}`));
    return place.element;
  };

  const failed = (error) => {
    told.textContent = error.message;
  };

  const next = async () => {
    number += 1;
    if (number >= page.questions) {
      query.textContent = "That was the last one.";
      sides.replaceChildren();
      votes.replaceChildren();
      return;
    }
    const asked = await get(`question/${number}`);
    query.textContent = asked.query;
    sides.replaceChildren(...["a", "b"].filter((side) => asked[side]).map((side) => make("section", { "aria-label": `Answers ${side.toUpperCase()}` },
      blind ? make("h3", {}, side.toUpperCase()) : "", make("ol", { class: "answers" }, asked[side].map((one, index) => answer(one, side, index + 1))))));
    votes.replaceChildren(...(blind
      ? [["a", "A is better"], ["equal", "Equal"], ["b", "B is better"]].map(([better, text]) => make("button", { type: "button", onclick: () => vote(better).catch(failed) }, text))
      : []), make("button", { type: "button", onclick: () => next().catch(failed) }, blind ? "Leave out" : "Next"));
    query.focus();
  };

  const vote = async (better) => {
    const body = JSON.stringify({ better });
    const { systems, right, ranks } = await get(`vote/${number}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    voted += 1;
    told.textContent = `Votes so far: ${lbar.count(voted)}. A was ${systems[0]}, B ${systems[1]}; the caption was written for ${right}, at rank ${ranks[0]} of A and ${ranks[1]} of B.`;
    await next();
  };

  // What is typed: a, b or e votes.
  document.addEventListener("keydown", (event) => {
    const better = { a: "a", b: "b", e: "equal" }[event.key];
    if (blind && better && !event.ctrlKey && !event.metaKey && !event.altKey && number < page.questions) vote(better).catch(failed);
  });

  lbar.main.append(make("h1", {}, blind ? "Which answer is better?" : `What ${page.systems[0]} answered`),
    make("p", { class: "soft" }, blind ? `${page.systems.join(", ")}, not in this order. Their first three answers to each query; keys a, b and e vote, space plays and pauses.` : "Its first three answers to each query."),
    told, query, sides, votes, lbar.bar);
  next().catch(failed);
}
