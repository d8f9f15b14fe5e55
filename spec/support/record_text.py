"""Random text over all of Unicode, and what of it a header can carry."""

SURROGATES = range(0xd800, 0xe000)
# Where UTF-8 lengths, planes and special meanings begin and end.
EDGES = [0x00, 0x01, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x85, 0xa0, 0xff, 0x100,
         0x7ff, 0x800, 0x1680, 0x2028, 0x2029, 0x3000, 0xd7ff, 0xe000, 0xfeff,
         0xfffd, 0xfffe, 0xffff, 0x10000, 0x1f600, 0x1ffff, 0x20000, 0xe0001,
         0xfffff, 0x100000, 0x10ffff]
# What some layer between the call and the wire could mistake for its own.
SYNTAX = [ord(c) for c in "/%?#&=+;:@,!$'()*[]{}<>|\\^`\"~-._ \t"]
# Unicode's spaces, which botocore folds in a header when it signs.
SPACES = [0x09, 0x0b, 0x0c, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680,
          0x2000, 0x2003, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]
ALPHABETS = [
    range(0x80), range(0x80), range(0x20, 0x7f), range(0x20, 0x7f),
    range(0x20), range(0x80, 0x250), range(0x250, 0x800), range(0x10000),
    range(0x10000, 0x110000), range(0x1f300, 0x1f700), range(0x110000),
    EDGES, SYNTAX, range(0x30, 0x3a)]
HEADER_ALPHABETS = [
    range(0x20, 0x7f), range(0x20, 0x7f), [0x20, 0x20, 0x09, 0x61, 0x62],
    [0x20, 0x20, 0x09, 0x61, 0x62], range(0xa0, 0x250), range(0x110000),
    SPACES + [0x61, 0x2c], range(0x80)]
NO_HEADER = (0x00, 0x0a, 0x0d)


def _code_points(rng, alphabets, length, excluded=()):
    """Text over one alphabet, or over a mixture of them."""
    mixed = rng.random() < 0.3
    alphabet = rng.choice(alphabets)
    text = []
    while len(text) < length:
        point = rng.choice(rng.choice(alphabets) if mixed else alphabet)
        if point not in SURROGATES and point not in excluded:
            text.append(chr(point))
    return "".join(text)


def anything(rng, length):
    """Any text, controls and every plane included."""
    return _code_points(rng, ALPHABETS, length)


def header(rng, length):
    """Any text but CR, LF and NUL, which no header value can hold."""
    return _code_points(rng, HEADER_ALPHABETS, length, NO_HEADER)


def sized(rng):
    """Any text: often short, sometimes empty, sometimes long."""
    kind = rng.random()
    if kind < 0.05:
        return ""
    if kind < 0.8:
        return anything(rng, rng.randint(1, 16))
    if kind < 0.97:
        return anything(rng, rng.randint(16, 256))
    return anything(rng, rng.randint(256, 3000))
