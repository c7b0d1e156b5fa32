/* Keeps the pass page and what it loads, so that it opens without a network. The network is always asked first.
   No form, no data of a document and no face is on these pages; of a stay that is over nothing stays. */
var SHELF = "gatehouse-guest-3";
var PAGES_MAX = 12; /* a party of six in two languages; the page that was looked at longest ago goes first */
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

function isPass(address) {
  return /^\/g\/[^/]+\/pass$/.test(address.pathname);
}

function isKept(url) {
  return url.origin === location.origin && (isPass(url) || PARTS.indexOf(url.pathname) >= 0);
}

function drop(shelf, which) {
  return shelf.keys().then(function (held) {
    var pages = held.filter(function (one) { return isPass(new URL(one.url)); });
    return Promise.all(which(pages).map(function (one) { return shelf.delete(one, { ignoreVary: true }); }));
  });
}

function forget(shelf, address) {
  return drop(shelf, function (pages) { return pages.filter(function (one) { return new URL(one.url).pathname === address.pathname; }); });
}

function keep(shelf, request, copy) {
  /* Put anew it is the newest, and so the last to go. */
  return shelf.delete(request, { ignoreVary: true }).then(function () { return shelf.put(request, copy); }).then(function () {
    return drop(shelf, function (pages) { return pages.slice(0, Math.max(0, pages.length - PAGES_MAX)); });
  });
}

function fetchAndKeep(request) {
  return fetch(request).then(function (answer) {
    if (!answer.ok || answer.redirected) return answer;
    var copy = answer.clone();
    var over = answer.headers.get("x-gatehouse-stay") === "over";
    return caches.open(SHELF).then(function (shelf) {
      return over ? forget(shelf, new URL(answer.url)) : keep(shelf, request, copy);
    }).then(function () { return answer; });
  });
}

/* The page that was asked for; where nobody is named, that of whoever looked last. */
function kept(request) {
  return caches.match(request, { ignoreVary: true }).then(function (held) {
    if (held || new URL(request.url).searchParams.has("who")) return held;
    return caches.match(request, { ignoreVary: true, ignoreSearch: true });
  });
}

/* The page that brought us was loaded before we could keep it: fetch it once more. */
self.addEventListener("message", function (event) {
  if (event.data && event.data.keep) event.waitUntil(fetchAndKeep(event.data.keep));
});

self.addEventListener("fetch", function (event) {
  var request = event.request;
  var address = new URL(request.url);
  var keeps = request.method === "GET" && isKept(address);
  if (!keeps && request.mode === "navigate") {
    /* The link itself leads to the pass. Any other page that was not kept: the phone's own words, with what to do next. */
    event.respondWith(fetch(request).catch(function () {
      var home = request.method === "GET" && /^\/g\/[^/]+$/.test(address.pathname) && address.pathname !== OFFLINE;
      var pass = new Request(address.origin + address.pathname + "/pass");
      return (home ? kept(pass) : Promise.resolve(null)).then(function (held) {
        return held ? Response.redirect(pass.url) : caches.match(OFFLINE, { ignoreVary: true });
      });
    }));
  }
  if (!keeps) return;
  event.respondWith(fetchAndKeep(request).catch(function () {
    /* The page varies by language and cookie; without a network the one we have is the right one. */
    return kept(request).then(function (held) { return held || Response.error(); });
  }));
});
