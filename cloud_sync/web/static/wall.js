// A wall nobody touches says by itself that it is cut off, and since when; it comes back by itself too.
"use strict";

const SILENCE_MS = 40000; // two heartbeats and a half
const lost = document.getElementById("lost");
let silence = null;
let last = new Date();

function show(state) {
  document.body.dataset.link = state;
  lost.hidden = state !== "lost";
  if (state === "lost") {
    document.getElementById("last-heard").textContent = last.toLocaleTimeString(document.documentElement.lang);
  }
}

function heard() {
  last = new Date();
  show("open");
  clearTimeout(silence);
  silence = setTimeout(() => show("lost"), SILENCE_MS);
}

document.body.addEventListener("htmx:sseOpen", (event) => {
  heard();
  event.detail.source.addEventListener("beat", heard);
  event.detail.source.addEventListener("entry", heard);
});
document.body.addEventListener("htmx:sseError", () => show("lost"));
document.body.addEventListener("htmx:sendError", () => show("lost"));
document.body.addEventListener("htmx:responseError", () => show("lost"));

// Whoever was logged out meanwhile is sent to the login page: that is no wall.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (!new URL(event.detail.xhr.responseURL).pathname.endsWith("/parts/wall")) {
    event.detail.shouldSwap = false;
    show("lost");
  }
});
