// What htmx does not do by itself: no line twice, fifty lines at most, the state of the connection, the chart.
"use strict";

const ROWS_MAX = 50;
const SILENCE_MS = 40000; // two heartbeats and a half
const rows = () => document.getElementById("entry-rows");

function known(key) {
  return rows().querySelector(`[data-key="${CSS.escape(key)}"]`) !== null;
}

function trim() {
  const list = rows().children;
  while (list.length > ROWS_MAX) {
    list[list.length - 1].remove();
  }
}

function showLink(state) {
  const place = document.getElementById("link-state");
  if (place.dataset.link !== state) {
    place.dataset.link = state;
  }
}

document.body.addEventListener("htmx:sseBeforeMessage", (event) => {
  if (event.detail.lastEventId && known(event.detail.lastEventId)) {
    event.preventDefault();
  }
});
document.body.addEventListener("htmx:sseMessage", trim);

// A line that is cut without a word stays "open" for the browser; the heartbeat tells.
let silence = null;

function heard() {
  showLink("open");
  clearTimeout(silence);
  silence = setTimeout(() => showLink("lost"), SILENCE_MS);
}

document.body.addEventListener("htmx:sseOpen", (event) => {
  heard();
  event.detail.source.addEventListener("beat", heard);
  event.detail.source.addEventListener("entry", heard);
});
document.body.addEventListener("htmx:sseError", () => showLink("lost"));

// --- arrivals by hour: drawn from the very table that is shown below it -------------------------------------

let chart = null;

function readHours() {
  const lines = [...document.querySelectorAll("#hours tbody tr")];
  return {
    hours: lines.map((line) => line.cells[0].textContent),
    counts: lines.map((line) => Number(line.cells[1].dataset.count)),
  };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(extra) {
  const label = { color: colour("--ink-soft"), fontSize: 12 };
  return { axisLabel: label, axisTick: { show: false }, axisLine: { lineStyle: { color: colour("--line") } }, ...extra };
}

function drawHours() {
  const place = document.getElementById("hours-chart");
  if (!place || typeof echarts === "undefined") {
    return;
  }
  chart = chart || echarts.init(place, null, { renderer: "canvas" });
  const { hours, counts } = readHours();
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  chart.setOption({
    animation: !quiet,
    animationDuration: 300,
    grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
    xAxis: axis({ type: "category", data: hours }),
    yAxis: axis({ type: "value", minInterval: 1, splitLine: { lineStyle: { color: colour("--line") } } }),
    series: [{ type: "bar", data: counts, barMaxWidth: 18, itemStyle: { color: colour("--accent"), borderRadius: [3, 3, 0, 0] } }],
  });
}

drawHours();
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target.id === "hours") {
    drawHours();
  }
});
addEventListener("resize", () => chart && chart.resize());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawHours);
