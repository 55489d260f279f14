# Whether a JSON answer holds what is expected of it. A path came as its steps, names and indexes.
import json

MEASURES = ("length", "min", "max")
SHOWN = 60


def complaint(body, wanted):
    """What is not as expected, None where all is; `wanted`: [path's text, steps, value] each."""
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return "the answer is no JSON: %s" % shown(body[:SHOWN].decode("utf-8", "replace"))
    for path, steps, value in wanted:
        try:
            found = at(document, steps)
        except LookupError:
            return "%s is not in the answer" % path
        wrong = difference(found, value)
        if wrong:
            return "%s %s" % (path, wrong)
    return None


def at(value, steps):
    """Raises LookupError."""
    for step in steps:
        if not isinstance(value, list if isinstance(step, int) else dict):
            raise LookupError(step)
        value = value[step]
    return value


def difference(found, wanted):
    if isinstance(wanted, dict) and wanted and set(wanted) <= set(MEASURES):
        return measured(found, wanted)
    if same(found, wanted):
        return None
    return "is %s, not %s" % (shown(found), shown(wanted))


def measured(found, wanted):
    if "length" in wanted:
        if not isinstance(found, (str, list, dict)):
            return "is %s, which has no length" % shown(found)
        if len(found) != wanted["length"]:
            return "has length %d, not %d" % (len(found), wanted["length"])
    if "min" not in wanted and "max" not in wanted:
        return None
    if not is_number(found):
        return "is %s, and no number" % shown(found)
    if "min" in wanted and not found >= wanted["min"]:
        return "is %s, below %s" % (shown(found), shown(wanted["min"]))
    if "max" in wanted and not found <= wanted["max"]:
        return "is %s, above %s" % (shown(found), shown(wanted["max"]))
    return None


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(found, wanted):
    """Equal; of two numbers, one with a fraction, to a millionth: sums differ between processors."""
    if is_number(found) and is_number(wanted):
        if isinstance(found, int) and isinstance(wanted, int):
            return found == wanted
        return abs(found - wanted) <= 1e-6 * max(abs(found), abs(wanted))
    if type(found) is not type(wanted):
        return False
    if isinstance(found, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, dict):
        return set(found) == set(wanted) and all(same(found[key], wanted[key]) for key in found)
    return found == wanted


def shown(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "\u2026"
