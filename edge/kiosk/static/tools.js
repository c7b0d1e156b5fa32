// Larger type, one language alone, a call for help.  What somebody chose here is forgotten after a minute: the next
// person finds the screen as everybody does.
"use strict";

(() => {
  const CHOSEN_MS = 60000;
  const ARMED_MS = 5000; // the second press comes within this time
  const APART_MS = 400; // and not by the same push, nor by a key that repeats
  const LARGEST = 2;
  const LEAST = 1.4;
  const root = document.documentElement;
  const body = document.body;
  const larger = document.getElementById("larger");
  const tongues = [...document.querySelectorAll(".tongue")];
  const help = document.getElementById("help");
  const firstLanguage = root.lang;

  // --- larger type ---

  function overflows() {
    return root.scrollHeight > root.clientHeight || root.scrollWidth > root.clientWidth;
  }

  // Twice as large, or as large as there is room for; where even that is too much, the page can be moved.
  function fit() {
    if (body.dataset.large !== "on") {
      return;
    }
    let scale = LARGEST;
    root.style.setProperty("--scale", scale);
    while (scale > LEAST && overflows()) {
      scale = Math.max(LEAST, scale - 0.05);
      root.style.setProperty("--scale", scale);
    }
  }

  function enlarge(on) {
    body.dataset.large = on ? "on" : "off";
    larger.setAttribute("aria-pressed", on);
    root.style.setProperty("--scale", 1);
    fit();
  }

  const back = { large: null, alone: null, armed: null };

  function forAMinute(what, undo) {
    clearTimeout(back[what]);
    back[what] = setTimeout(undo, CHOSEN_MS);
  }

  function toggleLarge() {
    enlarge(body.dataset.large !== "on");
    forAMinute("large", () => enlarge(false));
  }

  // --- one language alone ---

  function speak(tongue) {
    body.dataset.alone = tongue;
    root.lang = { zh: "zh-CN", en: "en" }[tongue] ?? firstLanguage;
    tongues.forEach((button) => button.setAttribute("aria-pressed", button.dataset.tongue === tongue));
    fit();
  }

  function toggleTongue(tongue) {
    speak(body.dataset.alone === tongue ? "" : tongue);
    forAMinute("alone", () => speak(""));
  }

  // --- help ---

  const words = help && {
    zh: { calm: document.getElementById("help-zh").textContent, again: help.dataset.againZh },
    en: { calm: document.getElementById("help-en").textContent, again: help.dataset.againEn },
  };
  let armedAt = null;

  function arm(at) {
    armedAt = at;
    clearTimeout(back.armed);
    help.classList.toggle("armed", at !== null);
    for (const tongue of ["zh", "en"]) {
      document.getElementById(`help-${tongue}`).textContent = words[tongue][at === null ? "calm" : "again"];
    }
    if (at !== null) {
      back.armed = setTimeout(arm, ARMED_MS, null);
    }
  }

  async function press(event) {
    if (help.getAttribute("aria-disabled") === "true") {
      return;
    }
    if (armedAt === null) {
      arm(event.timeStamp);
    } else if (event.timeStamp - armedAt >= APART_MS) {
      arm(null);
      const headers = { "content-type": "application/json" };
      const path = `/${encodeURIComponent(body.dataset.door)}/help`;
      await fetch(path, { method: "POST", headers, body: "{}" }).catch(() => {}); // the page itself says when the node is away
    }
  }

  larger.addEventListener("click", toggleLarge);
  tongues.forEach((button) => button.addEventListener("click", () => toggleTongue(button.dataset.tongue)));
  help?.addEventListener("click", press);
  document.addEventListener("keydown", (event) => {
    if ((event.key === "+" || event.key === "=") && !document.querySelector("dialog[open]")) {
      toggleLarge();
    }
  });
  document.addEventListener("news", ({ detail: news }) => {
    if (help !== null) {
      // Not "disabled": who came here by keyboard keeps their place.
      help.setAttribute("aria-disabled", news.help !== "");
      if (news.help !== "" && armedAt !== null) {
        arm(null);
      }
    }
    fit();
  });
  window.addEventListener("resize", fit);
  body.classList.add("can");
})();
