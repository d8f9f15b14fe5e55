#!/usr/bin/python3
"""Makes random listings, and notes how botocore's paginator goes through them.

    record_pages.py SEED COUNT

Prints a JSON array of cases: the pages that a service has, the call, and what
came of it: the requests, the pages given, the token to resume from, or the
error; and the same for all pages as one.
"""

import base64
import copy
import json
import random
import sys
import types

from botocore.paginate import Paginator

RESULT, TOKEN, LIMIT = "retainedTopics", "nextToken", "maxResults"
CONFIG = {"input_token": TOKEN, "output_token": TOKEN, "limit_key": LIMIT,
          "result_key": RESULT}
WORDS = ["a", "b", "tok/+=", "\u00e9", "", "None", "x_y", "a___b"]


class Service:
    """Gives its pages one after another, whatever it is asked."""

    def __init__(self, pages):
        self.pages = pages
        self.requests = []

    def ask(self, **params):
        """One request."""
        at = len(self.requests)
        self.requests.append(params)
        return copy.deepcopy(self.pages[at]) if at < len(self.pages) else {}


def model():
    """As much of an operation's model as the paginator looks at."""
    integer = types.SimpleNamespace(type_name="integer")
    shape = types.SimpleNamespace(members={LIMIT: integer})
    return types.SimpleNamespace(input_shape=shape)


def page(rng, number):
    """A page of some items and, often, a token, at times one seen before."""
    one = {}
    if rng.random() < 0.9:
        one[RESULT] = [{"topic": "%d/%d" % (number, i)}
                       for i in range(rng.randrange(5))]
    elif rng.random() < 0.5:
        one[RESULT] = None
    if rng.random() < 0.85:
        one[TOKEN] = rng.choice(("same", "t%d" % number, "t%d" % number))
    elif rng.random() < 0.5:
        one[TOKEN] = rng.choice(("", None))
    return one


def starting_token(rng):
    """What botocore writes, what it once wrote, and anything."""
    word, skip = rng.choice(WORDS), rng.randrange(6)
    token = {TOKEN: word if rng.random() < 0.8 else None}
    if rng.random() < 0.7:
        token["boto_truncate_amount"] = skip
    written = base64.b64encode(json.dumps(token).encode()).decode()
    return rng.choice((written, written, word, "%s___%d" % (word, skip)))


def call(rng):
    """The parameters of a call."""
    params, config = {}, {}
    if rng.random() < 0.2:
        params[TOKEN] = rng.choice(WORDS)
    if rng.random() < 0.2:
        params[LIMIT] = rng.randrange(1, 9)
    if rng.random() < 0.6:
        config["MaxItems"] = rng.choice((rng.randrange(12),
                                         str(rng.randrange(12))))
    if rng.random() < 0.4:
        config["PageSize"] = rng.choice((rng.randrange(1, 9),
                                         str(rng.randrange(1, 9))))
    if rng.random() < 0.5:
        config["StartingToken"] = starting_token(rng)
    if config or rng.random() < 0.5:
        params["PaginationConfig"] = config
    return params


def walk(pages, params):
    """What the paginator makes of a call, page by page."""
    service, given, error = Service(pages), [], None
    paginator = Paginator(service.ask, CONFIG, model())
    iterator = paginator.paginate(**copy.deepcopy(params))
    try:
        for one in iterator:
            given.append(one)
    except Exception as err:      # whatever it raises is the answer
        error = {"class": type(err).__name__, "text": str(err)}
    return {"requests": service.requests, "pages": given, "error": error,
            "resume_token": iterator.resume_token}


def full(pages, params):
    """And all pages as one; None where that raises."""
    paginator = Paginator(Service(pages).ask, CONFIG, model())
    try:
        return paginator.paginate(
            **copy.deepcopy(params)).build_full_result()
    except Exception:
        return None


def case(rng):
    """One listing, one call, and what came of it."""
    pages = [page(rng, number) for number in range(rng.randrange(6))]
    params = call(rng)
    return {"pages": pages, "params": params,
            "expected": walk(pages, params), "full": full(pages, params)}


def main():
    """Print so many cases."""
    seed, count = (int(word) for word in sys.argv[1:])
    rng = random.Random(seed)
    json.dump([case(rng) for _ in range(count)], sys.stdout)


if __name__ == "__main__":
    main()
