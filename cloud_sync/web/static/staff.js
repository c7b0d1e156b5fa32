// What htmx does not do by itself: the tone, the state of the connection, and not taking words away while they are written.
"use strict";

const SILENCE_MS = 40000; // two heartbeats and a half
const TONE_AGAIN_MS = 8000; // heard again until somebody looks
const here = (id) => document.getElementById(id);

// --- the connection -------------------------------------------------------------------------------------------

let silence = null;

function showLink(state) {
  const place = here("link-state");
  if (place && place.dataset.link !== state) {
    place.dataset.link = state;
  }
  const banner = here("cut-off");
  if (banner) {
    banner.hidden = state !== "lost";
  }
}

function heard() {
  showLink("open");
  clearTimeout(silence);
  silence = setTimeout(() => showLink("lost"), SILENCE_MS);
}

document.body.addEventListener("htmx:sseOpen", (event) => {
  heard();
  for (const name of ["beat", "case", "door"]) {
    event.detail.source.addEventListener(name, heard);
  }
});
document.body.addEventListener("htmx:sseError", () => showLink("lost"));

// --- the tone: only after a press, as browsers and neighbours want it -----------------------------------------

let audio = null;
let soundedAt = -TONE_AGAIN_MS;

function tone() {
  const start = audio.currentTime;
  for (const [after, pitch] of [[0, 880], [0.22, 660], [0.44, 880]]) {
    const wave = audio.createOscillator();
    const loud = audio.createGain();
    wave.frequency.value = pitch;
    loud.gain.setValueAtTime(0.0001, start + after);
    loud.gain.exponentialRampToValueAtTime(0.25, start + after + 0.02);
    loud.gain.exponentialRampToValueAtTime(0.0001, start + after + 0.2);
    wave.connect(loud).connect(audio.destination);
    wave.start(start + after);
    wave.stop(start + after + 0.21);
  }
}

function soundIfNeeded() {
  const count = here("open-count");
  const now = performance.now();
  if (!audio || !count || Number(count.dataset.sounding) === 0 || now - soundedAt < TONE_AGAIN_MS) {
    return;
  }
  soundedAt = now;
  tone();
  here("sound").dataset.sounded = String(Number(here("sound").dataset.sounded || 0) + 1);
}

function switchSound() {
  const button = here("sound");
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  if (on) {
    audio = new AudioContext();
    soundIfNeeded();
  } else {
    audio.close();
    audio = null;
  }
}

if (here("sound")) {
  here("sound").addEventListener("click", switchSound);
  document.body.addEventListener("htmx:oobAfterSwap", soundIfNeeded);
  setInterval(soundIfNeeded, TONE_AGAIN_MS);
}

// --- one case: facts follow by themselves, the forms only when nobody is writing -------------------------------

function writing(steps) {
  return [...steps.querySelectorAll("textarea")].some((field) => field.value.trim() !== "");
}

function settled(facts, steps) {
  return ["state", "who", "offered"].every((name) => facts.dataset[name] === steps.dataset[name]);
}

function follow() {
  const facts = document.querySelector("#facts .facts-box");
  const steps = here("steps");
  if (!facts || settled(facts, steps)) {
    return;
  }
  here("moved-on").hidden = !writing(steps);
  if (here("problem")) {
    here("problem").remove(); // it was about the case as it was
  }
  if (!writing(steps)) {
    htmx.ajax("GET", steps.dataset.from, { target: "#steps", swap: "innerHTML" });
  }
}

// Somebody may have begun to write while the new forms were on their way.
function keepWords(event) {
  if (event.detail.target.id === "steps" && writing(event.detail.target)) {
    event.detail.shouldSwap = false;
    here("moved-on").hidden = false;
  }
}

function followed(event) {
  if (event.detail.target.id === "steps") {
    const { state, who, offered } = document.querySelector("#facts .facts-box").dataset;
    Object.assign(event.detail.target.dataset, { state, who, offered });
  } else if (event.detail.target.id === "facts") {
    follow();
  }
}

if (here("facts")) {
  document.body.addEventListener("htmx:beforeSwap", keepWords);
  document.body.addEventListener("htmx:afterSwap", followed);
}

// --- waking this device, where the community switched that on --------------------------------------------------

const pushButton = here("push");

function base64url(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function tell(path, fields) {
  return fetch(path, { method: "POST", body: new URLSearchParams({ csrf: pushButton.dataset.csrf, ...fields }) });
}

async function switchPush() {
  const worker = await navigator.serviceWorker.register(`/staff/worker.js?lang=${pushButton.dataset.lang}`, { scope: "/staff" });
  const held = await worker.pushManager.getSubscription();
  if (held) {
    await held.unsubscribe();
    await tell("/staff/push/end", { endpoint: held.endpoint });
    pushButton.setAttribute("aria-pressed", "false");
    return;
  }
  const options = { userVisibleOnly: true, applicationServerKey: base64url(pushButton.dataset.key) };
  const made = (await worker.pushManager.subscribe(options)).toJSON();
  const answer = await tell("/staff/push", { endpoint: made.endpoint, ...made.keys });
  pushButton.setAttribute("aria-pressed", String(answer.ok));
}

if (pushButton) {
  if ("serviceWorker" in navigator && "PushManager" in window) {
    pushButton.addEventListener("click", () => switchPush().catch(() => pushButton.setAttribute("aria-pressed", "false")));
    navigator.serviceWorker.getRegistration("/staff").then(async (worker) => {
      const held = worker && (await worker.pushManager.getSubscription());
      pushButton.setAttribute("aria-pressed", String(Boolean(held)));
    });
  } else {
    pushButton.hidden = true;
  }
}
