"""What the person at the door sees: one large sentence in two languages, and never who anybody is.

``state`` holds the latest screen of each door, told by the node; ``texts`` says it; ``app`` shows it on the
local network; ``serve`` puts it on a socket.  The page needs nothing but the browser.
"""
