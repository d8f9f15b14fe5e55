"""Makes random calls of the operations beside publish.

Of those that the oldest botocore in use knows: its model has no connections
and no direct messages.
"""

import record_random
import record_text

I64 = 2 ** 63
# What a path could lose on its way to a signature, or gain.
AWKWARD = (".", "..", "a/../b", "//", "/", "%2F", "a%20b", "+", "~", "a//b",
           "./", "$aws/things", "a?b", "a#b", "*", "\u00e9")


def _text(rng):
    """Any text, at times one that is hard on paths."""
    if rng.random() < 0.1:
        return rng.choice(AWKWARD)
    return record_text.sized(rng)


def _name(rng):
    """The same, but not empty."""
    return _text(rng) or "x"


def _size(rng):
    """A page's: sensible, or as large as a Lua integer can be."""
    return rng.choice((1, 10, 100, 200, 201, rng.randrange(1, 2 ** 53),
                       2 ** 53, 2 ** 53 + 1, I64 - 1))


# The required members come first; the others are left out half the time.
SHADOW = ({"thingName": _name}, {"shadowName": _name})
PAGE = {"nextToken": _text}
OPERATIONS = {
    "GetThingShadow": SHADOW,
    "DeleteThingShadow": SHADOW,
    "UpdateThingShadow": (
        {"thingName": _name, "payload": record_random.payload},
        {"shadowName": _name}),
    "ListNamedShadowsForThing": (
        {"thingName": _name}, {"pageSize": _size, **PAGE}),
    "GetRetainedMessage": ({"topic": _text}, {}),
    "ListRetainedMessages": ({}, {"maxResults": _size, **PAGE}),
}


def calls(rng, count):
    """So many calls, of each operation as often."""
    names = sorted(OPERATIONS)
    for number in range(count):
        name = names[number % len(names)]
        required, optional = OPERATIONS[name]
        makers = dict(required)
        makers.update((key, make) for key, make in optional.items()
                      if rng.random() < 0.5)
        yield name, {key: make(rng) for key, make in makers.items()}
