// The newest screen of this door, and an honest word when the node has not been heard for a while.
// Others on this page listen for "news" (what the node said) and "lost" (it is away).
"use strict";

const SILENCE_MS = 15000; // three heartbeats
const body = document.body;
// The language that is read first stands first, in everything the page writes.
const TONGUES = [...document.querySelectorAll(".tongue")].map((button) => button.dataset.tongue);
let silence = null;

function heard() {
  body.dataset.link = "open";
  clearTimeout(silence);
  silence = setTimeout(lost, SILENCE_MS);
}

// The keypad would stand before the words that say so, and lead nowhere.
function lost() {
  body.dataset.link = "lost";
  document.getElementById("pin-pad")?.close();
  document.dispatchEvent(new Event("lost"));
}

function write(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

function line(text, tongue) {
  const span = document.createElement("span");
  span.className = tongue;
  span.lang = tongue === "zh" ? "zh-CN" : "en";
  span.textContent = text;
  return span;
}

function lines(both) {
  return TONGUES.map((tongue) => line(both[tongue], tongue));
}

function banner(both) {
  const place = document.createElement("p");
  place.className = "banner";
  place.append(...lines(both));
  return place;
}

// A text that is read aloud when it changes is left alone while it does not.
function writeBoth(id, both) {
  const place = document.getElementById(id);
  const fresh = both === null ? [] : lines(both);
  if (place.textContent !== fresh.map((span) => span.textContent).join("")) {
    place.replaceChildren(...fresh);
  }
}

function show(news) {
  body.dataset.screen = news.screen;
  body.dataset.alarm = news.alarm;
  for (const tongue of TONGUES) {
    write(`title-${tongue}`, news.title[tongue]);
    write(`hint-${tongue}`, news.hint[tongue]);
  }
  writeBoth("alarm", news.alarm_text);
  writeBoth("help-answer", news.help_text);
  document.getElementById("banners").replaceChildren(...news.banners.map(banner));
  document.dispatchEvent(new CustomEvent("news", { detail: news }));
}

function listen() {
  const source = new EventSource(`/live/${encodeURIComponent(body.dataset.door)}`);
  source.addEventListener("screen", (event) => {
    heard();
    show(JSON.parse(event.data));
  });
  source.addEventListener("error", () => {
    lost();
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(listen, 2000);
    }
  });
}

heard();
listen();
