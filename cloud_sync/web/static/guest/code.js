/* A rotating code and a signed pass, exactly as cloud_sync/protocol/code.py and bundle.py compose them; nothing here
   knows a page. */
var GatehouseCode = (function () {
  "use strict";
  var ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
  var DOMAIN = "ac-code-v1\0";
  var USE_DOMAIN = "ac-pass-use-v1\0";
  var STEP_MS = 30000;

  function b45encode(bytes) {
    var out = "";
    for (var i = 0; i + 1 < bytes.length; i += 2) {
      var number = bytes[i] * 256 + bytes[i + 1];
      out += ALPHABET[number % 45] + ALPHABET[Math.floor(number / 45) % 45] + ALPHABET[Math.floor(number / 2025)];
    }
    if (bytes.length % 2) {
      var last = bytes[bytes.length - 1];
      out += ALPHABET[last % 45] + ALPHABET[Math.floor(last / 45)];
    }
    return out;
  }

  function unhex(text) {
    var bytes = new Uint8Array(text.length / 2);
    for (var i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.substr(2 * i, 2), 16);
    return bytes;
  }

  function stepAt(nowMs) {
    return Math.floor(nowMs / STEP_MS);
  }

  /* version 1 · credential 16 · step 4 big-endian · kind 2 */
  function body(credentialHex, step) {
    var bytes = new Uint8Array(22);
    bytes[0] = 1;
    bytes.set(unhex(credentialHex), 1);
    bytes[17] = (step >>> 24) & 255;
    bytes[18] = (step >>> 16) & 255;
    bytes[19] = (step >>> 8) & 255;
    bytes[20] = step & 255;
    bytes[21] = 2;
    return bytes;
  }

  function joined(a, b) {
    var both = new Uint8Array(a.length + b.length);
    both.set(a, 0);
    both.set(b, a.length);
    return both;
  }

  /* sign(message) gives the 64 bytes of an Ed25519 signature. */
  function mint(credentialHex, step, sign) {
    var plain = body(credentialHex, step);
    return "AC2:" + b45encode(joined(plain, sign(joined(ascii(DOMAIN), plain))));
  }

  function ascii(text) {
    var bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /* A signed pass (its last 64 bytes are the community's signature) as this phone shows it at one step. */
  function mintPass(signed, step, sign) {
    var at = new Uint8Array([(step >>> 24) & 255, (step >>> 16) & 255, (step >>> 8) & 255, step & 255]);
    var body = signed.subarray(0, signed.length - 64);
    var use = sign(joined(joined(ascii(USE_DOMAIN), body), at));
    return "AC1:" + b45encode(joined(joined(signed, at), use));
  }

  return { mintPass: mintPass, STEP_MS: STEP_MS, b45encode: b45encode, stepAt: stepAt, mint: mint };
})();
if (typeof module !== "undefined") module.exports = GatehouseCode;
