// Small charts of a system's page: bars with text beside them, and the curves of a training.
"use strict";

// rows: {label, share, text, href}; share is of the full width.
lbar.bars = (rows) => lbar.make("div", { class: "bars" }, rows.map(({ label, share, text }) => [
  lbar.make("span", {}, label),
  lbar.make("span", { class: "bar" }, lbar.make("i", { style: `width:${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%` })),
  lbar.make("span", { class: "soft" }, text),
]));

lbar.curves = ({ epochs, loss, reached, measure, best }) => {
  const width = 720, height = 240, left = 46, right = 46, top = 18, bottom = 30;
  const svg = lbar.make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Training: loss, and ${measure} on the validation split, by epoch` });
  const last = Math.max(...epochs), first = Math.min(...epochs);
  const X = (epoch) => left + ((epoch - first) / (last - first || 1)) * (width - left - right);
  const line = (values, kind, side) => {
    const low = Math.min(...values), high = Math.max(...values);
    const Y = (value) => height - bottom - ((value - low) / (high - low || 1)) * (height - top - bottom);
    svg.append(lbar.make("path", { class: kind, d: values.map((value, index) => `${index ? "L" : "M"}${X(epochs[index]).toFixed(1)} ${Y(value).toFixed(1)}`).join("") }));
    for (const value of [low, high]) {
      svg.append(lbar.make("text", { x: side === "left" ? left - 6 : width - right + 6, y: Y(value) + 4, "text-anchor": side === "left" ? "end" : "start" }, value.toFixed(3)));
    }
    return Y;
  };
  svg.append(lbar.make("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }));
  line(loss, "second", "right");
  const Y = line(reached, "curve", "left");
  const index = epochs.indexOf(best);
  if (index >= 0) svg.append(lbar.make("circle", { class: "dot best", cx: X(best), cy: Y(reached[index]), r: 4.5 }));
  svg.append(
    lbar.make("text", { x: left, y: 11 }, `${measure} on validation (line)`),
    lbar.make("text", { x: width - right, y: 11, "text-anchor": "end" }, "loss (dashed)"),
    lbar.make("text", { x: left, y: height - 8 }, `epoch ${first}`),
    lbar.make("text", { x: width - right, y: height - 8, "text-anchor": "end" }, `epoch ${last}`));
  return lbar.make("div", { class: "plot" }, svg);
};
