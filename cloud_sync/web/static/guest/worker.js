/* Keeps the pass page and what it loads, so that it opens without a network. The network is always asked first. */
var SHELF = "gatehouse-guest-2";
var OFFLINE = "/g/offline";
var PARTS = [
  OFFLINE,
  "/static/gatehouse.css", "/static/gatehouse.svg", "/static/guest/guest.css", "/static/guest/code.js", "/static/guest/pass.js",
  "/static/vendor/nacl-fast.min.js", "/static/vendor/qrcode.js"
];

self.addEventListener("install", function (event) {
  event.waitUntil(caches.open(SHELF).then(function (shelf) { return shelf.addAll(PARTS); }).then(function () { return self.skipWaiting(); }));
});

self.addEventListener("activate", function (event) {
  event.waitUntil(caches.keys().then(function (names) {
    return Promise.all(names.filter(function (name) { return name !== SHELF; }).map(function (name) { return caches.delete(name); }));
  }).then(function () { return self.clients.claim(); }));
});

function isKept(url) {
  return url.origin === location.origin && (/^\/g\/[^/]+\/pass$/.test(url.pathname) || PARTS.indexOf(url.pathname) >= 0);
}

function fetchAndKeep(request) {
  return fetch(request).then(function (answer) {
    if (!answer.ok || answer.redirected) return answer;
    var copy = answer.clone();
    return caches.open(SHELF).then(function (shelf) { return shelf.put(request, copy); }).then(function () { return answer; });
  });
}

/* The page that brought us was loaded before we could keep it: fetch it once more. */
self.addEventListener("message", function (event) {
  if (event.data && event.data.keep) event.waitUntil(fetchAndKeep(event.data.keep));
});

self.addEventListener("fetch", function (event) {
  var request = event.request;
  var kept = request.method === "GET" && isKept(new URL(request.url));
  if (!kept && request.mode === "navigate") {
    /* A page that was not kept: the phone's own words, with what to do next, instead of the browser's. */
    event.respondWith(fetch(request).catch(function () { return caches.match(OFFLINE, { ignoreVary: true }); }));
  }
  if (!kept) return;
  event.respondWith(fetchAndKeep(request).catch(function () {
    /* The page varies by language and cookie; without a network the one we have is the right one. */
    return caches.match(request, { ignoreVary: true }).then(function (held) { return held || Response.error(); });
  }));
});
