// Quality against cost: systems with their intervals, the Pareto front, and a description on hover and focus.
"use strict";

// How a value is written, by the style of its axis in the page's document.
lbar.written = {
  size: (value) => (value < 1e5 ? lbar.count(Math.round(value)) : value < 1e9 ? `${Number((value / 1e6).toPrecision(3))} M` : `${Number((value / 1e9).toPrecision(3))} G`),
  whole: (value) => lbar.count(Math.round(value)),
  decimal: (value) => value.toFixed(1),
};

{
  const { make } = lbar;
  const HEIGHT = 380, LEFT = 44, RIGHT = 20, TOP = 30, BOTTOM = 44, LETTER = 6.4;

  // The systems whose cost is known, the best cost first; on the front are those that no system of better cost beats.
  const pointsOf = (entries, measure, axis) => {
    const points = entries
      .filter((entry) => entry.costs[axis.name] && entry.values[measure])
      .map((entry) => ({ entry, x: entry.costs[axis.name], y: entry.values[measure] }))
      .sort((a, b) => (axis.less ? a.x - b.x : b.x - a.x) || b.y[0] - a.y[0]);
    let reached = -Infinity;
    for (const point of points) {
      point.front = point.y[0] > reached;
      reached = Math.max(reached, point.y[0]);
    }
    return points;
  };

  // The horizontal scale, logarithmic where costs differ by more than a factor of ten, and its ticks.
  const costScale = (points, width) => {
    const xs = points.map((point) => point.x);
    const logarithmic = Math.max(...xs) > 10 * Math.min(...xs);
    const scale = (value) => (logarithmic ? Math.log10(value) : value);
    const span = scale(Math.max(...xs)) - scale(Math.min(...xs)) || 1;
    const from = scale(Math.min(...xs)) - 0.08 * span, to = scale(Math.max(...xs)) + 0.08 * span;
    const room = Math.max(3, Math.floor(width / 110));
    const ticks = new Set(xs).size === 1 ? [xs[0]] : logarithmic ? powers(from, to, room) : multiples(from, to, room);
    return { X: (value) => LEFT + ((scale(value) - from) / (to - from)) * (width - LEFT - RIGHT), ticks };
  };

  // Round numbers between two powers of ten: 1, 2 and 5 times a power, or the powers alone where these are too many.
  const powers = (from, to, room) => {
    for (const factors of [[1, 2, 5], [1, 3], [1]]) {
      const ticks = [];
      for (let power = Math.floor(from); power <= to; power += 1) for (const factor of factors) ticks.push(factor * 10 ** power);
      const inside = ticks.filter((value) => Math.log10(value) >= from && Math.log10(value) <= to);
      if (inside.length <= room || factors.length === 1) return inside;
    }
  };

  // The multiples of 1, 2 or 5 times a power of ten that lie in a range, as many as there is room for.
  const multiples = (from, to, room) => {
    const power = 10 ** Math.floor(Math.log10((to - from) / room));
    const steps = [1, 2, 5, 10].map((factor) => factor * power);
    const first = steps.findIndex((one) => (to - from) / one <= room);
    const every = (step) => {
      const ticks = [];
      for (let value = Math.ceil(from / step); value * step <= to; value += 1) if (value > 0) ticks.push(value * step);
      return ticks;
    };
    // A single tick is no scale.
    const ticks = every(steps[first]);
    return ticks.length < 2 && first > 0 ? every(steps[first - 1]) : ticks;
  };

  // The vertical scale, with about four ticks at round numbers, which cover all intervals.
  const valueScale = (points) => {
    const lowest = Math.min(...points.map(({ y }) => y[1] ?? y[0])), highest = Math.max(...points.map(({ y }) => y[2] ?? y[0]));
    const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25].find((one) => (highest - lowest) / one <= 4) ?? 0.25;
    const from = Math.max(0, Math.floor(lowest / step) * step);
    const to = Math.max(from + step, Math.min(1, Math.ceil(highest / step) * step));
    const ticks = [];
    for (let value = from; value <= to + step / 2; value += step) ticks.push(value);
    return { Y: (value) => HEIGHT - BOTTOM - ((value - from) / (to - from)) * (HEIGHT - TOP - BOTTOM), ticks };
  };

  // Where names stand: beside their dots, those of the front first. One that would lie over a dot or over another name
  // is left out, since it is shown where its dot is pointed at.
  const places = (points, X, Y, width) => {
    const taken = points.map(({ x, y }) => [X(x) - 6, Y(y[0]) - 6, X(x) + 6, Y(y[0]) + 6]);
    const isFree = ([left, top, right, bottom]) =>
      left >= 0 && right <= width && !taken.some(([l, t, r, b]) => left < r && right > l && top < b && bottom > t);
    const found = new Map();
    const wanted = points.filter((point) => point.front || points.length <= 12);
    for (const point of wanted.sort((a, b) => b.front - a.front)) {
      const { label } = point.entry;
      const name = label.length > 26 ? `${label.slice(0, 25)}…` : label;
      const [x, y, long] = [X(point.x), Y(point.y[0]), name.length * LETTER];
      const sides = x > width * 0.7 ? [true, false] : [false, true];
      for (const [end, below] of sides.flatMap((side) => [-8, 4, 16].map((shift) => [side, shift]))) {
        const left = end ? x - 9 - long : x + 9;
        const box = [left, y + below - 9, left + long, y + below + 2];
        if (!isFree(box)) continue;
        taken.push(box);
        found.set(point, [name, { x: x + (end ? -9 : 9), y: y + below, "text-anchor": end ? "end" : "start" }]);
        break;
      }
    }
    return found;
  };

  // A dot with its interval, or an open diamond for a reported figure; with its name where that has a place.
  const mark = ({ x, y, front }, X, Y, words, named) => {
    const point = make("g", { class: "point", tabindex: 0, role: "img", "aria-label": words });
    if (y.length === 3) {
      point.append(
        make("line", { class: front ? "best-whisker" : "whisker", x1: X(x), x2: X(x), y1: Y(y[1]), y2: Y(y[2]) }),
        make("circle", { class: front ? "dot best" : "dot", cx: X(x), cy: Y(y[0]), r: 5 }));
    } else point.append(make("rect", { class: "dot hollow", x: X(x) - 4, y: Y(y[0]) - 4, width: 8, height: 8, transform: `rotate(45 ${X(x)} ${Y(y[0])})` }));
    if (named) point.append(make("text", { class: front ? "name" : "", ...named[1] }, named[0]));
    return point;
  };

  // Which systems cannot be drawn, since nothing is known of their cost.
  const undrawn = (entries, points, axis) => {
    const drawn = new Set(points.map((point) => point.entry));
    const names = entries.filter((entry) => !drawn.has(entry)).map((entry) => entry.label);
    if (!names.length) return "";
    const more = names.length > 10 ? ` and ${lbar.count(names.length - 10)} more` : "";
    return make("p", { class: "soft" }, make("small", {}, `Not drawn, for want of a figure for ${axis.label}: ${names.slice(0, 10).join(", ")}${more}.`));
  };

  lbar.pareto = (entries, measure, measureName, axis) => {
    const written = lbar.written[axis.style];
    const width = Math.max(300, lbar.main.clientWidth - 40);
    const points = pointsOf(entries, measure, axis);
    if (!points.length) return make("p", { class: "soft" }, `No system here has a figure for ${axis.label}.`);
    const { X, ticks: costTicks } = costScale(points, width);
    const { Y, ticks: valueTicks } = valueScale(points);
    const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": `${measureName} against ${axis.label}` });
    for (const value of valueTicks) {
      svg.append(make("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: Y(value), y2: Y(value) }));
      svg.append(make("text", { x: LEFT - 8, y: Y(value) + 4, "text-anchor": "end" }, value.toFixed(2)));
    }
    for (const tick of costTicks) svg.append(make("text", { x: X(tick), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, written(tick)));
    svg.append(make("text", { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, axis.label));
    svg.append(make("text", { x: 0, y: 12 }, measureName));
    const steps = points.filter((point) => point.front).map((point, index) => (index ? `H${X(point.x)}V${Y(point.y[0])}` : `M${X(point.x)} ${Y(point.y[0])}`));
    svg.append(make("path", { class: "front", d: `${steps.join("")}H${X(points[points.length - 1].x)}` }));
    const hover = make("div", { class: "hover", role: "status", hidden: true });
    const names = places(points, X, Y, width);
    for (const point of points) {
      const { entry, x, y, front } = point;
      const value = `${lbar.number(y[0])}${y.length === 3 ? ` (${lbar.range(y[1], y[2])})` : ", reported"}`;
      const words = `${entry.label}: ${measureName} ${value}, ${written(x)} ${axis.label}${front ? ", on the front" : ""}`;
      const drawn = mark(point, X, Y, words, names.get(point));
      const show = () => {
        const ratio = svg.clientWidth / width;
        hover.textContent = words;
        hover.hidden = false;
        hover.style.left = `${Math.max(0, Math.min(X(x) * ratio - 80, svg.clientWidth - 200))}px`;
        hover.style.top = `${Y(y[0]) * ratio + 14}px`;
      };
      for (const event of ["mouseenter", "focus"]) drawn.addEventListener(event, show);
      for (const event of ["mouseleave", "blur"]) drawn.addEventListener(event, () => { hover.hidden = true; });
      svg.append(drawn);
    }
    return [make("div", { class: "plot" }, svg, hover), undrawn(entries, points, axis)];
  };
}
