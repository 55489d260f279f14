# Stretches of a run, each with the most that it took and what it used of the CPU.


class Phases(object):
    """In the order in which they began; the last one goes on."""

    def __init__(self, first, clock):
        self.rows = []
        self.begin(first, clock)

    def begin(self, name, clock):
        self.rows.append({"name": name, "clock": clock, "peak": None, "timed": True})

    def take(self, working):
        row = self.rows[-1]
        if row["peak"] is None or working > row["peak"]:
            row["peak"] = working

    def undo(self):
        """The last one was none: what it held belongs to the one before."""
        last = self.rows.pop()
        if last["peak"] is not None:
            self.take(last["peak"])

    def told(self, end):
        """As the record has them; `end` is the clock at which the last one ends."""
        ends = [row["clock"] for row in self.rows[1:]] + [end]
        return [
            {
                "name": row["name"],
                "seconds": until[0] - row["clock"][0],
                "peak_bytes": row["peak"],  # None: no sample fell into it
                "cpu_seconds": difference(until[1], row["clock"][1]),
                "throttled_seconds": difference(until[2], row["clock"][2]),
                "timed": row["timed"],
            }
            for row, until in zip(self.rows, ends)
        ]


def difference(now, before):
    return None if now is None or before is None else now - before
