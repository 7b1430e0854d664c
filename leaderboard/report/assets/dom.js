// Elements, and numbers as text. All text is inserted as text: nothing here parses HTML.
"use strict";

const lbar = {
  main: document.getElementById("main"),
  root: document.getElementById("main").dataset.root,
  page: JSON.parse(document.getElementById("data").textContent),
};

lbar.make = (tag, attributes = {}, ...children) => {
  const svg = ["svg", "g", "line", "path", "circle", "rect", "text", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};

lbar.number = (value, digits = 3) => value.toFixed(digits).replace("-", "−");
lbar.signed = (value) => (value > 0 ? "+" : "") + lbar.number(value);
lbar.count = (value) => value.toLocaleString("en");
lbar.range = (low, high, digits = 3) => `${lbar.number(low, digits)} – ${lbar.number(high, digits)}`;
// Median ranks have one digit after the point.
lbar.digits = (standing, measure) => (standing.medians.includes(measure) ? 1 : 3);
lbar.size = (value) => {
  if (value === null || value === undefined) return "";
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} G`;
  return value >= 1e5 ? `${(value / 1e6).toFixed(1)} M` : String(value);
};
lbar.seconds = (value) => (value < 1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(2)} s`);
lbar.pValue = (value) => (value < 0.001 ? "< 0.001" : value.toFixed(3));

lbar.select = (label, options, chosen, changed) => {
  const select = lbar.make("select", { "aria-label": label, onchange: () => changed(select.value) });
  for (const [value, text] of options) {
    select.append(lbar.make("option", { value, selected: value === chosen }, text.length > 60 ? `${text.slice(0, 59)}…` : text));
  }
  return select;
};

// Shows a list in parts, so that thousands of rows take no time until somebody asks for them.
lbar.paged = (items, draw, step = 25) => {
  const list = lbar.make("div");
  const more = lbar.make("button", { class: "more", type: "button" });
  let shown = 0;
  const grow = () => {
    list.append(...items.slice(shown, shown + step).map(draw));
    shown = Math.min(shown + step, items.length);
    more.hidden = shown === items.length;
    more.textContent = `Show more (${lbar.count(items.length - shown)} left)`;
  };
  more.addEventListener("click", grow);
  grow();
  return lbar.make("div", {}, list, more);
};
