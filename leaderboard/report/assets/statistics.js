// The paired statistics of `harness.measures` for two systems, over clips. A test compares both implementations.
"use strict";

{
  // mulberry32, a small random generator that is good enough to resample clips.
  const generator = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return (bits ^ (bits >>> 14)) >>> 0;
  };

  const quantile = (sorted, level) => {
    const place = (sorted.length - 1) * level;
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
  };

  const holm = (values) => {
    const order = values.map((_, index) => index).sort((a, b) => values[a] - values[b]);
    const corrected = [];
    let reached = 0;
    order.forEach((index, step) => {
      reached = Math.max(reached, values[index] * (values.length - step));
      corrected[index] = Math.min(reached, 1);
    });
    return corrected;
  };

  // differences: one array per measure, a value per query; clusters: a number per query.
  lbar.paired = (differences, clusters, resamples = 10000, seed = 1) => {
    const clips = clusters.reduce((most, one) => Math.max(most, one), -1) + 1;
    const sizes = new Float64Array(clips);
    for (const clip of clusters) sizes[clip] += 1;
    const sums = differences.map((values) => {
      const sum = new Float64Array(clips);
      values.forEach((value, query) => { sum[clusters[query]] += value; });
      return sum;
    });
    const random = generator(seed);
    const means = sums.map(() => new Float64Array(resamples));
    const reached = sums.map(() => 0);
    const observed = sums.map((sum) => Math.abs(sum.reduce((total, value) => total + value, 0)));
    const least = observed.map((value, of) => value - 1e-9 * sums[of].reduce((total, one) => total + Math.abs(one), 0));
    const drawn = new Float64Array(clips);
    for (let sample = 0; sample < resamples; sample += 1) {
      drawn.fill(0);
      let weight = 0;
      for (let draw = 0; draw < clips; draw += 1) drawn[Math.floor((random() / 4294967296) * clips)] += 1;
      for (let clip = 0; clip < clips; clip += 1) weight += drawn[clip] * sizes[clip];
      sums.forEach((sum, of) => {
        let total = 0;
        for (let clip = 0; clip < clips; clip += 1) total += drawn[clip] * sum[clip];
        means[of][sample] = total / weight;
      });
      const flipped = sums.map(() => 0);
      for (let clip = 0, bits = 0; clip < clips; clip += 1) {
        if (clip % 32 === 0) bits = random();
        const sign = bits & 1 ? -1 : 1;
        bits >>>= 1;
        for (let of = 0; of < sums.length; of += 1) flipped[of] += sign * sums[of][clip];
      }
      flipped.forEach((total, of) => { if (Math.abs(total) >= least[of]) reached[of] += 1; });
    }
    const pValues = sums.map((sum, of) => {
      if (reached[of] > 0) return (reached[of] + 1) / (resamples + 1);
      const squares = sum.reduce((total, value) => total + value * value, 0);
      return Math.min(1 / (resamples + 1), 2 * Math.exp(-(least[of] ** 2) / (2 * squares)));
    });
    const corrected = holm(pValues);
    return differences.map((values, of) => {
      const sorted = means[of].sort();
      return {
        value: values.reduce((total, value) => total + value, 0) / values.length,
        low: quantile(sorted, 0.025),
        high: quantile(sorted, 0.975),
        p: pValues[of],
        corrected: corrected[of],
        won: values.filter((value) => value > 0).length,
        lost: values.filter((value) => value < 0).length,
      };
    });
  };
}
