#!/usr/bin/python3
"""Records what the real boto3 does, as language-neutral JSON collections.

    record.py --check FILE...                 replay collections, compare
    record.py --random publish --seed S --count N --out FILE
    record.py --random operations --seed S --count N --out FILE
    record.py --own publish --out spec/vectors/publish.json
    record.py --own validation --out spec/vectors/validation.json
    record.py --own errors --out spec/vectors/errors.json

Every mode runs calls written as tagged values through boto3 and notes what
came of them, so what is recorded can always be checked again. Needs boto3 and
nothing else; no byte leaves the machine.
"""

import argparse
import json
import sys

sys.dont_write_bytecode = True      # no __pycache__ among the specs

import record_own                                               # noqa: E402
import record_own_errors                                        # noqa: E402
import record_own_invalid                                       # noqa: E402
import record_random                                            # noqa: E402
import record_random_operations                                 # noqa: E402
import record_tags                                              # noqa: E402
import record_wire                                              # noqa: E402
from record_refusals import refused, validated                  # noqa: E402
from record_wire import serialized                              # noqa: E402

REPLAY = {
    "serialize/1": serialized,
    "validation/1": validated,
    "errors/1": refused,
}
OWN = {
    "publish": ("serialize/1", record_own.cases),
    "validation": ("validation/1", record_own_invalid.cases),
    "errors": ("errors/1", record_own_errors.cases),
}
RANDOM = {
    "publish": record_random.publishes,
    "operations": record_random_operations.calls,
}


def flags(case):
    """What a case asks of the language that replays it."""
    params = {name: record_tags.decode(case["params"][name])
              for name in case["param_order"]}
    found = {"doubles_only": record_tags.doubles_only(params)}
    if record_tags.order_sensitive(params.get("userProperties")):
        found["order_sensitive"] = True
    return found


def record(recorder, kind, cases):
    """The cases with what boto3 made of them."""
    for case in cases:
        done = dict(case, expected=REPLAY[kind](recorder, case))
        if kind == "serialize/1":
            done.update(flags(case))
        yield done


def write(path, head, cases):
    """A collection with one case a line, so that differences read well."""
    with open(path, "w", encoding="ascii") as out:
        out.write("{\n")
        for key, value in head.items():
            out.write(" %s: %s,\n" % (json.dumps(key), json.dumps(value)))
        lines = ",\n  ".join(json.dumps(case) for case in cases)
        out.write(' "cases": [\n  %s\n ]\n}\n' % lines)


def head(kind, **more):
    """What a collection says of itself."""
    return dict(format=kind, generated_with=record_wire.generated_with(),
                **more)


def wanted(case):
    """What this botocore should do: the target's way, or the older one's."""
    older = case.get("expected_older", {})
    return older.get(record_wire.generated_with(), case["expected"])


def marks(case):
    """A case's flags as they stand, not as they should."""
    return {name: case[name] for name in ("doubles_only", "order_sensitive")
            if name in case}


def difference(recorder, kind, case):
    """What is wrong with a recorded case, as text; None if nothing is."""
    got = REPLAY[kind](recorder, case)
    if got != wanted(case):
        return "\n  wanted %s\n  got    %s" % (
            json.dumps(wanted(case)), json.dumps(got))
    if kind == "serialize/1":
        true = flags(case)
        if "doubles_only" not in case:      # not every collection has it
            del true["doubles_only"]
        if true != marks(case):
            return " flags %s, not %s" % (marks(case), true)
    return None


def check(recorder, path):
    """Replay a collection; report each case that differs. All agreed?"""
    with open(path, encoding="utf-8") as source:
        collection = json.load(source)
    newest = collection["generated_with"] == record_wire.generated_with()
    cases = [case for case in collection["cases"]
             if newest or not case.get("only_newest")]
    found = [(case["name"], difference(recorder, collection["format"], case))
             for case in cases]
    differing = [(name, what) for name, what in found if what]
    for name, what in differing:
        print(name + ":" + what)
    print("%s: %d agree, %d differ, %d skipped" % (
        path, len(cases) - len(differing), len(differing),
        len(collection["cases"]) - len(cases)))
    return not differing


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", nargs="+", metavar="FILE")
    mode.add_argument("--random", choices=list(RANDOM))
    mode.add_argument("--own", nargs="?", const="publish", choices=list(OWN))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--out", metavar="FILE", default="/dev/stdout")
    return parser.parse_args()


def main():
    """Do what the command line says; the exit code is 1 if cases differ."""
    args = arguments()
    recorder = record_wire.Recorder()
    if args.check:
        results = [check(recorder, path) for path in args.check]
        return 0 if all(results) else 1
    if args.random:
        kind = "serialize/1"
        cases = record_random.cases(args.seed, args.count,
                                    RANDOM[args.random])
        top = head(kind, seed=args.seed, count=args.count)
    else:
        kind, make = OWN[args.own]
        cases, top = make(), head(kind)
    write(args.out, top, record(recorder, kind, cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
