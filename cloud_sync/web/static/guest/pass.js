/* The rotating code: a key of this phone's own, bound once, then minted here every 30 s, with or without a network. */
(function () {
  "use strict";
  /* Whoever waits for the staff presses nothing: the page looks again by itself, and reloads when it was answered. */
  var AGAIN_MS = 10000;
  var waiting = document.querySelector("#standing[data-waiting] a");
  if (waiting) setInterval(function () {
    var request = new XMLHttpRequest();
    request.open("GET", waiting.href);
    request.timeout = AGAIN_MS;
    request.onload = function () {
      if (request.status === 200 && request.responseText.indexOf("data-waiting") < 0) location.replace(waiting.href);
    };
    request.send();
  }, AGAIN_MS);
  /* Everybody has left: what this phone kept to open doors is erased from it; the worker forgets its pages by itself. */
  var over = document.getElementById("over");
  if (over) {
    over.getAttribute("data-subjects").split(" ").forEach(function (who) {
      try {
        localStorage.removeItem("gatehouse.code." + who);
        localStorage.removeItem("gatehouse.bundle." + who);
        over.hidden = false;
      } catch (refused) { /* a browser that keeps nothing has nothing to erase */ }
    });
  }
  var asOf = document.getElementById("as-of");
  var place = document.getElementById("code");
  if (!place) return;
  var canvas = document.getElementById("qr");
  var left = document.getElementById("left");
  var problem = document.getElementById("code-problem");
  var takeOver = document.getElementById("use-this");
  var subject = place.getAttribute("data-subject");
  var token = place.getAttribute("data-token");
  var SLOT = "gatehouse.code." + subject;
  var CLOCK_SLOT = "gatehouse.clock";
  /* A phone may be off by 90 s at a door; from here on its codes follow our clock. */
  var OFF_MAX_MS = 20000;
  /* The pass itself, signed: renewed well before its day is over, so that a phone without a network still has one. */
  var BUNDLE_SLOT = "gatehouse.bundle." + subject;
  var BUNDLE_RENEW_MS = 18 * 3600000;
  var BUNDLE_LOOK_MS = 600000;
  var offlineGate = document.getElementById("offline-gate");
  var offlineHint = document.getElementById("offline-gate-hint");
  var forOffline = false;
  var QUIET_ZONE = 4;
  var memory = {};
  var shownStep = null;
  var elsewhere = false;

  function keep(slot, value) {
    memory[slot] = value;
    try { localStorage.setItem(slot, JSON.stringify(value)); } catch (refused) { /* a browser that keeps nothing: the open page goes on */ }
  }

  function kept(slot) {
    if (memory[slot]) return memory[slot];
    try { return JSON.parse(localStorage.getItem(slot)); } catch (refused) { return null; }
  }

  function hex(bytes) {
    var out = "";
    for (var i = 0; i < bytes.length; i++) out += ("0" + bytes[i].toString(16)).slice(-2);
    return out;
  }

  function unhex(text) {
    var bytes = new Uint8Array(text.length / 2);
    for (var i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.substr(2 * i, 2), 16);
    return bytes;
  }

  function say(word) {
    var said = word && (place.querySelector('[data-said="' + word + '"]') || place.querySelector('[data-said="failed"]'));
    problem.textContent = said ? said.innerHTML.replace(/&amp;/g, "&") : "";
    problem.hidden = !said;
  }

  function ask(method, address, body, done) {
    var request = new XMLHttpRequest();
    request.open(method, address);
    request.timeout = 15000;
    if (body) request.setRequestHeader("content-type", "application/json");
    request.onloadend = function () {
      var answer = null;
      try { answer = JSON.parse(request.responseText); } catch (unread) { /* no answer, or not ours */ }
      done(request.status, answer);
    };
    request.send(body ? JSON.stringify(body) : null);
  }

  function bind() {
    var held = kept(SLOT);
    var seed = held ? unhex(held.seed) : nacl.randomBytes(32);
    var pair = nacl.sign.keyPair.fromSeed(seed);
    var key = btoa(String.fromCharCode.apply(null, pair.publicKey));
    ask("POST", "/api/v1/guest/" + token + "/code-key", { public_key: key, subject_ref: subject }, function (status, answer) {
      if (status === 200 && answer) {
        keep(SLOT, { seed: hex(seed), credential: answer.credential });
        elsewhere = false;
        takeOver.hidden = true;
        sayTheClock();
        draw(true);
        renewBundle();
      } else if (status === 0) {
        if (!kept(SLOT)) say("offline");
      } else {
        say(status >= 500 ? "later" : answer && answer.type ? answer.type.split(":").pop() : "failed");
      }
    });
  }

  function bytesOf(base64) {
    var plain = atob(base64);
    var bytes = new Uint8Array(plain.length);
    for (var i = 0; i < bytes.length; i++) bytes[i] = plain.charCodeAt(i);
    return bytes;
  }

  function heldBundle() {
    var code = kept(SLOT), bundle = kept(BUNDLE_SLOT);
    return code && bundle && bundle.credential === code.credential ? bundle : null;
  }

  function offerOffline() {
    offlineGate.hidden = !heldBundle() || elsewhere;
    offlineHint.hidden = offlineGate.hidden || !forOffline;
    offlineGate.setAttribute("aria-pressed", String(forOffline && !offlineGate.hidden));
  }

  /* Each look asks anew where the pass may have changed: an extension made meanwhile is in the next one. */
  function renewBundle() {
    var code = kept(SLOT);
    if (!code || elsewhere) return;
    ask("POST", "/api/v1/guest/" + token + "/bundle", { subject_ref: subject }, function (status, answer) {
      if (status === 200 && answer) {
        keep(BUNDLE_SLOT, { signed: answer.signed, expires_ms: answer.expires_ms, credential: code.credential });
        draw(true);
      }
      offerOffline();
    });
  }

  function renewBundleIfOld() {
    var bundle = heldBundle();
    if (!bundle || bundle.expires_ms - now() < BUNDLE_RENEW_MS) renewBundle();
  }

  function wrongBy() {
    var off = kept(CLOCK_SLOT);
    return off && Math.abs(off.ms) > OFF_MAX_MS ? off.ms : 0;
  }

  function now() {
    return Date.now() + wrongBy();
  }

  function sayTheClock() {
    say(wrongBy() ? "clock" : "");
  }

  function compareClocks() {
    var before = Date.now();
    ask("GET", "/g/now", null, function (status, answer) {
      asOf.hidden = status !== 0;
      if (status !== 200 || !answer) return;
      var off = Math.round(answer.now_ms - (before + Date.now()) / 2);
      keep(CLOCK_SLOT, { ms: off });
      if (problem.hidden) sayTheClock();
      draw(true);
    });
  }

  function paint(text, level) {
    var code = qrcode(0, level);
    code.addData(text, "Alphanumeric");
    code.make();
    var cells = code.getModuleCount();
    var side = cells + 2 * QUIET_ZONE;
    var size = Math.max(4, Math.floor(640 / side));
    canvas.width = canvas.height = side * size;
    var pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = "#000";
    for (var row = 0; row < cells; row++) {
      for (var column = 0; column < cells; column++) {
        if (code.isDark(row, column)) pen.fillRect((column + QUIET_ZONE) * size, (row + QUIET_ZONE) * size, size, size);
      }
    }
  }

  function draw(anew) {
    var held = kept(SLOT);
    var nowMs = now();
    left.value = 30 - Math.floor((nowMs % GatehouseCode.STEP_MS) / 1000);
    canvas.hidden = !held || elsewhere;
    if (canvas.hidden) return;
    var step = GatehouseCode.stepAt(nowMs);
    if (step === shownStep && !anew) return;
    var secret = nacl.sign.keyPair.fromSeed(unhex(held.seed)).secretKey;
    var sign = function (message) { return nacl.sign.detached(message, secret); };
    var bundle = forOffline ? heldBundle() : null;
    if (bundle && bundle.expires_ms < nowMs) {
      bundle = null;
      say("bundle_old");
    }
    var text = bundle ? GatehouseCode.mintPass(bytesOf(bundle.signed), step, sign) : GatehouseCode.mint(held.credential, step, sign);
    /* A screen is clean, and a pass is long: less correction keeps its modules large. */
    paint(text, bundle ? "L" : "M");
    shownStep = step;
    canvas.setAttribute("data-step", String(step));
    canvas.setAttribute("data-code", text);
  }

  function begin() {
    var bound = place.getAttribute("data-credential");
    var held = kept(SLOT);
    elsewhere = Boolean(bound) && (!held || held.credential !== bound) && navigator.onLine;
    takeOver.hidden = !elsewhere;
    canvas.hidden = true;
    if (elsewhere) say("other_phone");
    else draw(true);
    /* Binding the same key again changes nothing; without an answer the code we have goes on. */
    if (!bound) bind();
  }

  function cacheForOffline() {
    if (!("serviceWorker" in navigator)) return;
    navigator.serviceWorker.register("/g/worker.js", { scope: "/g/" }).then(function () {
      return navigator.serviceWorker.ready;
    }).then(function (ready) {
      place.setAttribute("data-offline", "ready");
      ready.active.postMessage({ keep: location.pathname + location.search });
    }, function () { /* not over plain HTTP or an unknown certificate: the open page goes on */ });
  }

  offlineGate.addEventListener("click", function () {
    forOffline = !forOffline;
    offerOffline();
    sayTheClock();
    draw(true);
  });
  takeOver.addEventListener("click", bind);
  window.addEventListener("offline", compareClocks);
  window.addEventListener("online", compareClocks);
  window.addEventListener("online", function () { if (!kept(SLOT)) bind(); else renewBundle(); });
  if (typeof nacl === "undefined" || typeof qrcode === "undefined" || typeof Uint8Array === "undefined") {
    say("no_script");
    return;
  }
  compareClocks();
  begin();
  offerOffline();
  renewBundle();
  setInterval(draw, 500);
  setInterval(renewBundleIfOld, BUNDLE_LOOK_MS);
  cacheForOffline();
})();
