// Quality against cost: systems with their intervals, the Pareto front, and a description on hover and focus.
"use strict";

// How a value is written, by the style of its axis in the page's document.
lbar.written = {
  size: (value) => lbar.size(value),
  whole: (value) => lbar.count(Math.round(value)),
  decimal: (value) => value.toFixed(1),
};

lbar.pareto = (entries, measure, measureName, axis) => {
  const written = lbar.written[axis.style];
  const width = Math.max(300, Math.min(720, lbar.main.clientWidth - 32)), height = 380, left = 44, right = 20, top = 30, bottom = 44;
  const points = entries
    .filter((entry) => entry.costs[axis.name] && entry.values[measure])
    .map((entry) => ({ entry, x: entry.costs[axis.name], y: entry.values[measure] }))
    .sort((a, b) => (axis.less ? a.x - b.x : b.x - a.x) || b.y[0] - a.y[0]);
  if (!points.length) return lbar.make("p", { class: "soft" }, `No system here has a figure for ${axis.label}.`);
  let reached = -Infinity;
  for (const point of points) {
    point.front = point.y[0] > reached;
    reached = Math.max(reached, point.y[0]);
  }
  const xs = points.map((point) => point.x);
  const logarithmic = Math.max(...xs) > 10 * Math.min(...xs);
  const scale = (value) => (logarithmic ? Math.log10(value) : value);
  const span = scale(Math.max(...xs)) - scale(Math.min(...xs)) || 1;
  const from = scale(Math.min(...xs)) - 0.08 * span, to = scale(Math.max(...xs)) + 0.08 * span;
  const lowest = Math.min(...points.map(({ y }) => y[1] ?? y[0])), highest = Math.max(...points.map(({ y }) => y[2] ?? y[0]));
  // About four ticks at round numbers, which cover all intervals.
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25].find((one) => (highest - lowest) / one <= 4) ?? 0.25;
  const bottomValue = Math.max(0, Math.floor(lowest / step) * step);
  const topValue = Math.max(bottomValue + step, Math.min(1, Math.ceil(highest / step) * step));
  const X = (value) => left + ((scale(value) - from) / (to - from)) * (width - left - right);
  const Y = (value) => height - bottom - ((value - bottomValue) / (topValue - bottomValue)) * (height - top - bottom);
  const svg = lbar.make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${measureName} against ${axis.label}` });
  for (let value = bottomValue; value <= topValue + step / 2; value += step) {
    svg.append(lbar.make("line", { class: "axis", x1: left, x2: width - right, y1: Y(value), y2: Y(value) }));
    svg.append(lbar.make("text", { x: left - 8, y: Y(value) + 4, "text-anchor": "end" }, value.toFixed(2)));
  }
  const ticks = [];
  if (logarithmic) for (let power = Math.ceil(from); power <= to; power += 1) ticks.push(10 ** power);
  else for (let part = 0; part <= 4; part += 1) ticks.push(from + ((to - from) * part) / 4);
  for (const tick of ticks.filter((value) => value > 0)) {
    svg.append(lbar.make("text", { x: X(tick), y: height - bottom + 18, "text-anchor": "middle" }, written(tick)));
  }
  svg.append(lbar.make("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, axis.label));
  svg.append(lbar.make("text", { x: 0, y: 12 }, measureName));
  const front = points.filter((point) => point.front);
  const steps = front.map((point, index) => (index ? `H${X(point.x)}V${Y(point.y[0])}` : `M${X(point.x)} ${Y(point.y[0])}`));
  svg.append(lbar.make("path", { class: "front", d: `${steps.join("")}H${X(points[points.length - 1].x)}` }));
  const plot = lbar.make("div", { class: "plot" }, svg);
  const hover = lbar.make("div", { class: "hover", role: "status", hidden: true });
  plot.append(hover);
  for (const { entry, x, y, front: best } of points) {
    const interval = y.length === 3;
    const words = `${entry.label}: ${measureName} ${lbar.number(y[0])}${interval ? ` (${lbar.range(y[1], y[2])})` : ", reported"}, ${written(x)} ${axis.label}${best ? ", on the front" : ""}`;
    const point = lbar.make("g", { class: "point", tabindex: 0, role: "img", "aria-label": words });
    if (interval) point.append(lbar.make("line", { class: best ? "best-whisker" : "whisker", x1: X(x), x2: X(x), y1: Y(y[1]), y2: Y(y[2]) }));
    if (interval) point.append(lbar.make("circle", { class: best ? "dot best" : "dot", cx: X(x), cy: Y(y[0]), r: 5 }));
    else point.append(lbar.make("rect", { class: "dot hollow", x: X(x) - 4, y: Y(y[0]) - 4, width: 8, height: 8, transform: `rotate(45 ${X(x)} ${Y(y[0])})` }));
    if (best || points.length <= 12) {
      const end = X(x) > width * 0.7;
      const name = entry.label.length > 26 ? `${entry.label.slice(0, 25)}…` : entry.label;
      point.append(lbar.make("text", { class: best ? "name" : "", x: X(x) + (end ? -9 : 9), y: Y(y[0]) - 6, "text-anchor": end ? "end" : "start" }, name));
    }
    const show = () => {
      const ratio = svg.clientWidth / width;
      hover.textContent = words;
      hover.hidden = false;
      hover.style.left = `${Math.max(0, Math.min(X(x) * ratio - 80, svg.clientWidth - 200))}px`;
      hover.style.top = `${Y(y[0]) * ratio + 14}px`;
    };
    for (const event of ["mouseenter", "focus"]) point.addEventListener(event, show);
    for (const event of ["mouseleave", "blur"]) point.addEventListener(event, () => { hover.hidden = true; });
    svg.append(point);
  }
  return plot;
};
