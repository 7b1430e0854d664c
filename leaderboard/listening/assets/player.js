// Places in recordings: the waveform of each, and a player that all of them share, so that one is heard at a time.
"use strict";

{
  const { make } = lbar;
  const audio = make("audio", { controls: true, preload: "none", "aria-label": "Player" });
  const title = make("span", { class: "playing" });
  const trouble = make("span", { class: "warn", role: "alert" });
  let current = null, stopAt = Infinity;

  const marked = () => {
    for (const element of document.querySelectorAll(".answer.current")) element.classList.remove("current");
    current?.element.classList.add("current");
    if (current) current.button.textContent = audio.paused ? "Play" : "Pause";
  };

  const start = (place, from = place.start) => {
    if (current && current !== place) current.button.textContent = "Play";
    current = place;
    trouble.textContent = "";
    stopAt = from < place.end ? place.end : Infinity;
    title.textContent = place.title;
    lbar.bar.hidden = false;
    if (audio.dataset.of === place.sound && audio.readyState) audio.currentTime = from;
    else {
      audio.dataset.of = place.sound;
      audio.src = `${place.sound}#t=${from}`;
    }
    // A start that another one interrupts is no failure; what cannot be played raises `error`.
    audio.play().catch(() => {});
    marked();
  };

  // Plays a place, or pauses it, or goes on with it.
  lbar.toggle = (place = current) => {
    if (!place) return;
    if (place !== current) start(place);
    else if (!audio.paused) audio.pause();
    else if (audio.currentTime >= place.end || audio.ended) start(place);
    else audio.play().catch(() => {});
  };

  audio.addEventListener("timeupdate", () => {
    if (audio.currentTime >= stopAt) {
      stopAt = Infinity;
      audio.pause();
    }
    current?.head?.(audio.currentTime);
  });
  for (const kind of ["play", "pause", "ended"]) audio.addEventListener(kind, marked);
  audio.addEventListener("error", () => {
    if (!current) return;
    // What this browser cannot play it gets as WAV.
    if (!audio.src.includes("form=wav")) {
      audio.src = `${current.sound}?form=wav#t=${current.start}`;
      audio.play().catch(() => {});
    } else trouble.textContent = `${current.title} cannot be played: is it still there?`;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.closest("input, select, textarea, button, summary, audio, a")) return;
    event.preventDefault();
    lbar.toggle();
  });

  lbar.audio = audio;
  lbar.bar = make("div", { class: "player", hidden: true, role: "region", "aria-label": "Now playing" }, title, audio, trouble);

  lbar.clock = (seconds) => {
    const whole = Math.floor(seconds), two = (value) => String(value).padStart(2, "0");
    const rest = `${two(whole % 60)}.${Math.floor((seconds - whole) * 10)}`;
    return whole < 3600 ? `${Math.floor(whole / 60)}:${rest}` : `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${rest}`;
  };

  // Draws a recording around a place when that comes into view; a click plays from there.
  lbar.waveform = (place, address) => {
    const drawing = make("svg", { viewBox: "0 0 240 40", preserveAspectRatio: "none", class: "wave", "aria-hidden": "true" });
    const draw = async () => {
      const answer = await fetch(address);
      if (!answer.ok) return;
      const { from, to, peaks } = await answer.json();
      const across = (seconds) => (240 * (seconds - from)) / Math.max(to - from, 0.001);
      const loudest = Math.max(...peaks, 0.001);
      const line = peaks.map((peak, index) => `M${index + 0.5} ${20 - 19 * (peak / loudest)}V${20 + 19 * (peak / loudest)}`).join("");
      const head = make("line", { class: "head", y1: 0, y2: 40, x1: -9, x2: -9 });
      drawing.append(
        make("rect", { class: "place", x: across(place.start), width: Math.max(across(Math.min(place.end, to)) - across(place.start), 1), y: 0, height: 40 }),
        make("path", { d: line }), head);
      place.head = (seconds) => {
        for (const end of ["x1", "x2"]) head.setAttribute(end, across(seconds));
      };
      drawing.addEventListener("click", (event) => {
        const box = drawing.getBoundingClientRect();
        start(place, from + ((event.clientX - box.left) / box.width) * (to - from));
      });
    };
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      draw();
    }).observe(drawing);
    return drawing;
  };
}
