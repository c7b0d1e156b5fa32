// Held down, there is a picture; let go, there is none.  One ticket is one look.
"use strict";

const body = document.body, button = document.getElementById("hold"), canvas = document.getElementById("picture");
const LENGTH_BYTES = 4;
let ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // it is in no history and in no bookmark
if (!ticket) body.dataset.state = "no-ticket";

let held = null; // what ends the request under way

function say(state) {
  body.dataset.state = state;
}

function clear() {
  canvas.hidden = true;
  canvas.width = canvas.height = 1; // forgets what was drawn
}

async function draw(jpeg, mine) {
  const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  if (held === mine) {
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.hidden = false;
  }
  picture.close();
}

async function show(answer, mine) {
  const reader = answer.body.getReader();
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const all = new Uint8Array(rest.length + value.length);
    all.set(rest);
    all.set(value, rest.length);
    rest = all;
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      if (rest.length < end) break;
      await draw(rest.slice(LENGTH_BYTES, end), mine);
      rest = rest.slice(end);
    }
  }
}

async function hold() {
  if (held || !ticket) return;
  const mine = (held = new AbortController()), sent = ticket;
  ticket = "";
  button.setAttribute("aria-pressed", "true");
  say("looking");
  let state = "ended";
  try {
    const answer = await fetch(location.pathname, {
      method: "POST", cache: "no-store", signal: mine.signal,
      headers: { "content-type": "application/json" }, body: JSON.stringify({ ticket: sent }),
    });
    if (answer.ok) await show(answer, mine);
    else state = answer.status === 409 ? "busy" : "refused";
  } catch (error) {
    if (error.name !== "AbortError") state = "refused";
  }
  if (held === mine) held = null;
  button.setAttribute("aria-pressed", "false");
  clear();
  say(state);
}

function release() {
  if (!held) return;
  const mine = held;
  held = null;
  clear();
  mine.abort();
}

button.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  button.setPointerCapture(event.pointerId);
  hold();
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(name, release);
button.addEventListener("contextmenu", (event) => event.preventDefault());
button.addEventListener("keydown", (event) => {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  if (!event.repeat) hold();
});
button.addEventListener("keyup", (event) => {
  if (event.key === " " || event.key === "Enter") release();
});
addEventListener("blur", release);
addEventListener("pagehide", release);
document.addEventListener("visibilitychange", () => { if (document.hidden) release(); });
button.focus();
