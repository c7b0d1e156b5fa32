// Short tones made in the page.  What they say stands on the screen as well; nothing is said by sound alone.
"use strict";

const sound = (() => {
  const page = document.body.dataset;
  const note = document.getElementById("sound-blocked");
  // [hertz, begins after s, lasts s]: yes rises, no falls, wait stays, and the two alarms are like nothing else.
  const TUNES = {
    granted: [[659, 0, 0.14], [988, 0.15, 0.26]],
    denied: [[392, 0, 0.2], [262, 0.22, 0.34]],
    wait: [[587, 0, 0.1], [587, 0.2, 0.1]],
    prealarm: [[1319, 0, 0.08], [1319, 0.16, 0.08], [1319, 0.32, 0.08]],
    alarm: [[1760, 0, 0.3], [1245, 0.3, 0.3], [1760, 0.6, 0.3], [1245, 0.9, 0.3]],
    key: [[880, 0, 0.05]],
  };
  const AGAIN_MS = { prealarm: 2000, alarm: 1200 };
  const RAMP_S = 0.01; // without it every tone begins and ends with a click
  const on = page.sound !== "off";
  const context = on ? new AudioContext() : null;
  let times = null;
  let repeating = "idle";
  let timer = null;

  function status() {
    page.sound = context.state === "running" ? "on" : "blocked";
    note.hidden = page.sound === "on";
  }

  function tone([hertz, after, lasts], from) {
    const swing = context.createOscillator();
    const level = context.createGain();
    const begins = from + after;
    swing.type = "triangle";
    swing.frequency.value = hertz;
    level.gain.setValueAtTime(0, begins);
    level.gain.linearRampToValueAtTime(Number(page.volume), begins + RAMP_S);
    level.gain.setValueAtTime(Number(page.volume), begins + lasts - RAMP_S);
    level.gain.linearRampToValueAtTime(0, begins + lasts);
    swing.connect(level).connect(context.destination);
    swing.start(begins);
    swing.stop(begins + lasts);
  }

  // While the browser allows no sound nothing is kept for later: an old tone would be a wrong one.
  function play(name) {
    if (on && context.state === "running" && TUNES[name]) {
      TUNES[name].forEach((one) => tone(one, context.currentTime));
    }
  }

  function repeat(name) {
    if (name === repeating) {
      return;
    }
    clearInterval(timer);
    repeating = name;
    if (AGAIN_MS[name]) {
      play(name);
      timer = setInterval(play, AGAIN_MS[name], name);
    }
  }

  if (on) {
    context.addEventListener("statechange", status);
    status();
    for (const touch of ["pointerdown", "keydown"]) {
      document.addEventListener(touch, () => context.resume().catch(() => {}));
    }
  }
  document.addEventListener("news", ({ detail: news }) => {
    repeat(news.alarm);
    if (times !== null && news.times !== times) {
      play(news.said);
    }
    times = news.times;
  });
  document.addEventListener("lost", () => {
    repeat("idle");
    times = null; // whatever was said meanwhile is over
  });
  return { key: () => play("key") };
})();
