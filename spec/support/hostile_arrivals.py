"""Which messages arrived, of those that bear an id: "id-7."."""

import re
import threading

ID = re.compile(rb"id-(\d+)\.")

_lock = threading.Lock()
_begun, _whole = set(), set()


def note(data):
    """These bytes came; an id among them is that of a message of which at
    least a part arrived."""
    found = ID.findall(data)
    if found:
        with _lock:
            _begun.update(map(int, found))


def note_whole(body):
    """This is the whole body of a message, which begins with its id."""
    found = ID.match(body)
    if found:
        with _lock:
            _whole.add(int(found[1]))


def told():
    """The ids of what arrived at least in part, and whole."""
    with _lock:
        return {"begun": sorted(_begun), "whole": sorted(_whole)}
