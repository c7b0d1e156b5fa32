"""What every answer of the pages has to carry, whoever asked and whatever was asked: headers, and flags of its cookies."""

import httpx

WANTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
LOOSE = ("unsafe-inline", "unsafe-eval", "*")


def faults(said: httpx.Response) -> list[str]:
    """What is missing, in words; empty where nothing is."""
    policy = said.headers.get("content-security-policy", "")
    found = [f"{name} is not {value}" for name, value in WANTED.items() if said.headers.get(name) != value]
    found += [f"the policy lacks {part}" for part in POLICY if part not in policy]
    found += [f"the policy has {word}" for word in LOOSE if word in policy]
    over_tls = said.url.scheme == "https"
    if over_tls and "max-age" not in said.headers.get("strict-transport-security", ""):
        found.append("no strict-transport-security")
    for cookie in said.headers.get_list("set-cookie"):
        name, *flags = (part.strip().lower() for part in cookie.split(";"))
        if "max-age=0" in flags:
            continue  # it is taken away
        wanted = {"httponly", "samesite=strict", "path=/"} | ({"secure"} if over_tls else set())
        found += [f"{name.partition('=')[0]} is not {flag}" for flag in sorted(wanted - set(flags))]
        if not over_tls and "secure" in flags:
            found.append(f"{name.partition('=')[0]} is secure without TLS and never comes back")
    return found
