// The newest screen of this door, and an honest word when the node has not been heard for a while.
"use strict";

const SILENCE_MS = 15000; // three heartbeats
const body = document.body;
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
}

function write(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

function line(text, lang) {
  const span = document.createElement("span");
  span.lang = lang;
  span.textContent = text;
  return span;
}

function banner(both) {
  const place = document.createElement("p");
  place.className = "banner";
  place.append(line(both.zh, "zh-CN"), line(both.en, "en"));
  return place;
}

function show(news) {
  body.dataset.screen = news.screen;
  for (const lang of ["zh", "en"]) {
    write(`title-${lang}`, news.title[lang]);
    write(`hint-${lang}`, news.hint[lang]);
  }
  document.getElementById("banners").replaceChildren(...news.banners.map(banner));
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
