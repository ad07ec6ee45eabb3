"use strict";
// The replay: recorded output times drive all lanes again, together. It mirrors app/lab/compare/replay.py.
(function () {
  const source = document.getElementById("replay-data");
  if (!source) return;
  const WINDOW_S = 1;
  const $ = (id) => document.getElementById(id);

  // How many of the ascending times are at or before t.
  function due(times, t) {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t) low = middle + 1; else high = middle;
    }
    return low;
  }

  function take(track) {
    const counts = track.counts.length === track.times.length ? track.counts : track.times.map(() => 1);
    let sum = 0;
    const sums = counts.map((n) => (sum += n));
    const last = track.times.length ? track.times[track.times.length - 1] : 0;
    return { track, sums, letters: Array.from(track.text), end: Math.max(track.end, last, 0) };
  }

  // What a take shows at t seconds after its request.
  function at(one, t, done) {
    const n = due(one.track.times, t);
    const ended = done || t >= one.end;
    const shown = ended ? one.letters.length : n ? one.track.shown[n - 1] : 0;
    return { shown, tokens: n ? one.sums[n - 1] : 0, rate: rate(one, n - 1), phase: ended ? "done" : n ? "decode" : "reading the prompt" };
  }

  function rate(one, last) {
    if (last < 1) return null;
    const times = one.track.times;
    const first = Math.min(due(times, times[last] - WINDOW_S), last - 1);
    const span = times[last] - times[first];
    return span > 0 ? (one.sums[last] - one.sums[first]) / span : null;
  }

  const lanes = JSON.parse(source.textContent).lanes.map((lane) => {
    const pane = document.querySelector('#replay .pane[data-lane="' + lane.index + '"]');
    const part = (name) => pane.querySelector(name);
    return {
      all: lane.tracks.map(take), takes: [], length: 0, key: "",
      text: part(".r-text"), rate: part(".r-rate"), count: part(".r-count"), phase: part(".r-phase"),
      progress: part(".progress"), fill: part(".progress i"),
    };
  });
  let length = 0, now = 0, before = null, playing = false;

  function choose() {
    const select = $("r-step");
    const step = select && select.selectedIndex > 0 ? select.value : null;
    for (const lane of lanes) {
      lane.takes = step === null ? lane.all : lane.all.filter((one) => one.track.step === step);
      lane.length = lane.takes.reduce((sum, one) => sum + one.end, 0);
      lane.key = "";
    }
    length = Math.max(0.001, ...lanes.map((lane) => lane.length));
    const first = lanes.find((lane) => lane.takes.length);
    $("r-prompt").textContent = first && (step !== null || first.takes.length === 1) ? first.takes[0].track.prompt : "";
    show(length);
  }

  function show(t) {
    now = Math.min(Math.max(t, 0), length);
    for (const lane of lanes) draw(lane);
    $("r-at").value = String(Math.round((now / length) * 1000));
    $("r-time").textContent = now.toFixed(2) + " of " + length.toFixed(2) + " s";
  }

  function draw(lane) {
    if (!lane.takes.length) return;
    let start = 0, index = 0;
    while (index < lane.takes.length - 1 && now >= start + lane.takes[index].end) start += lane.takes[index++].end;
    const one = lane.takes[index];
    const moment = at(one, now - start, now >= lane.length);
    lane.fill.style.width = Math.min(100, (100 * now) / Math.max(lane.length, 0.001)) + "%";
    lane.progress.classList.toggle("waiting", moment.phase === "reading the prompt");
    lane.text.classList.toggle("typing", moment.phase !== "done");
    const key = index + ":" + moment.shown + ":" + moment.phase;
    if (key === lane.key) return;
    lane.key = key;
    lane.text.textContent = one.letters.slice(0, moment.shown).join("");
    lane.rate.textContent = moment.rate === null ? "–" : moment.rate >= 1000 ? Math.round(moment.rate).toLocaleString("en") : moment.rate.toFixed(1);
    lane.count.textContent = moment.tokens.toLocaleString("en") + (moment.tokens === 1 ? " token" : " tokens");
    const done = moment.phase === "done" ? "done in " + lane.length.toFixed(2) + " s" : moment.phase;
    lane.phase.textContent = (lane.takes.length > 1 && one.track.step ? one.track.step + " · " : "") + done;
  }

  function frame(stamp) {
    if (!playing) return;
    if (before !== null) show(now + ((stamp - before) / 1000) * Number($("r-speed").value));
    before = stamp;
    if (now >= length) {
      if ($("r-loop").checked) show(0); else return play(false);
    }
    requestAnimationFrame(frame);
  }

  function play(on) {
    playing = on;
    before = null;
    $("r-play").textContent = on ? "Pause" : "Play";
    $("r-play").setAttribute("aria-label", on ? "Pause" : "Play");
    if (!on) return;
    if (now >= length) show(0);
    requestAnimationFrame(frame);
  }

  $("r-play").addEventListener("click", () => play(!playing));
  $("r-at").addEventListener("input", () => { before = null; show((Number($("r-at").value) / 1000) * length); });
  if ($("r-step")) $("r-step").addEventListener("change", () => { play(false); choose(); });
  choose();
})();
