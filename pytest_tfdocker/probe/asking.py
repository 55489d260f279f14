# All requests of one run: waits until the service is ready, warms it up, asks, judges and times.
# Driven by the supervisor's loop, which no call of it may hold up.
import array
import time

import tfdocker_expect as expect
import tfdocker_request as request_module

RETRY_SECONDS = 0.05
ERROR_BYTES = 1024
"""Of an answer's body, for the text of what went wrong."""
EXPECT_BYTES = 1 << 20
"""Of a body that is read as JSON: its objects take the supervisor's memory, in the same group."""


class Asking(object):
    def __init__(self, plan, on_phase):
        self.plan, self.on_phase = plan, on_phase
        self.warm_up, self.total = plan["warm_up"], plan["warm_up"] + plan["repeat"]
        self.message = request_module.message(plan)
        self.keep_bytes = EXPECT_BYTES + 1 if plan["expect"] else ERROR_BYTES
        self.running = {}  # number of a request, from 1, or 0 for the question of readiness
        self.begun = self.answered = 0
        self.is_ready = self.done = self.given_up = False
        self.ready_at = self.counted_at = self.done_at = None
        self.retry_at = 0.0
        self.seen = self.error = None
        self.waits_for, self.listening = "", []
        self.seconds = array.array("d")

    def fds(self):
        """(to read, to write)"""
        if self.done or self.given_up:
            return [], []
        connected = [one for one in self.running.values() if one.connected]
        sending = [one for one in self.running.values() if not one.connected or one.sends()]
        return [one.fd for one in connected], [one.fd for one in sending]

    def advance(self, readable, writable):
        """Goes on with all that is ready, and begins what may begin."""
        if self.given_up:
            return
        readable, writable = set(readable), set(writable)
        for number, exchange in list(self.running.items()):
            if self.done:
                break
            exchange.advance(exchange.fd in readable, exchange.fd in writable)
            self.look_at(number, exchange)
        while not self.done and self.has_more():
            self.begin()

    def has_more(self):
        if not self.is_ready:
            return not self.running and time.monotonic() >= self.retry_at
        # Counted ones wait for the last of the warm-up
        end = self.warm_up if self.answered < self.warm_up else self.total
        return self.begun < end and len(self.running) < self.plan["concurrency"]

    def begin(self):
        plan = self.plan
        if not self.is_ready and plan["ready"]:
            number, data = 0, request_module.head(plan, "GET", plan["ready"])
            method, keep = "GET", ERROR_BYTES
        else:
            number, data = self.begun + 1, self.message
            method, keep = plan["method"], self.keep_bytes
            self.begun = number
        exchange = request_module.Exchange(plan["port"], data, method, keep)
        self.running[number] = exchange
        self.look_at(number, exchange)

    def look_at(self, number, exchange):
        """What one of those that run has come to."""
        if exchange.connected and number and not self.is_ready:
            self.become_ready(exchange.began)
        if not exchange.done:
            return
        del self.running[number]
        if not self.is_ready:
            self.see(exchange)
            return
        error = exchange.error or self.complaint(exchange.answer)
        if error:
            self.finish(self.label(number) + error)
        else:
            self.count(number, exchange)

    def see(self, exchange):
        """It is not ready: refused, or no 2xx."""
        self.begun = 0
        self.retry_at = time.monotonic() + RETRY_SECONDS
        status = exchange.answer.status
        if status is not None and 200 <= status < 300 and not exchange.error:
            self.become_ready(time.monotonic())
        elif exchange.connected:
            self.seen = exchange.error or "status %d" % status

    def become_ready(self, now):
        self.is_ready, self.ready_at = True, now
        self.begin_phase()

    def begin_phase(self):
        if self.answered >= self.warm_up:
            self.counted_at = time.monotonic()
        self.on_phase("request" if self.answered >= self.warm_up else "warm-up")

    def count(self, number, exchange):
        self.answered += 1
        if number > self.warm_up:
            self.seconds.append(exchange.seconds)
        elif self.answered == self.warm_up:
            self.begin_phase()
        if self.answered == self.total:
            self.finish(None)

    def complaint(self, answer):
        plan = self.plan
        asked = "%s %s" % (plan["method"], plan["path"])
        if answer.status != plan["status"]:
            body = answer.body[:400].decode("utf-8", "replace")
            to = answer.headers.get("location")
            lines = ["status %d, not %d: %s" % (answer.status, plan["status"], asked)]
            return "\n".join(lines + (["Location: %s" % to] if to else []) + [body])
        if not plan["expect"]:
            return None
        if answer.body_bytes > EXPECT_BYTES:
            found = (answer.body_bytes, plan["expect"][0][0], EXPECT_BYTES)
            return "the answer has %d bytes: %s is looked for in %d at most" % found
        wrong = expect.complaint(answer.body, plan["expect"])
        return wrong and "%s: %s" % (wrong, asked)

    def label(self, number):
        """ "request 17 of 200: "; of a single one nothing."""
        if self.total == 1:
            return ""
        if number <= self.warm_up:
            return "warm-up %d of %d: " % (number, self.warm_up)
        return "request %d of %d: " % (number - self.warm_up, self.total - self.warm_up)

    def finish(self, error):
        self.error, self.done, self.done_at = error, True, time.monotonic()
        self.close()

    def give_up(self):
        """The time is over: what the service does while it is ended is no answer."""
        if self.done or self.given_up:
            return
        self.given_up = True
        self.close()
        if self.is_ready:
            self.waits_for = self.label(min(self.running))
        else:
            silent = any(one.connected for one in self.running.values())
            self.seen = self.seen or ("no answer" if silent else None)
            self.listening = request_module.listening_ports()

    def close(self):
        for exchange in self.running.values():
            exchange.close()

    def told(self):
        """The record so far, as JSON holds it."""
        counted = self.counted_at or self.done_at or time.monotonic()
        return {
            "port": self.plan["port"],
            "ready": self.plan["ready"],
            "is_ready": self.is_ready,
            "seen": self.seen,
            "listening": self.listening,
            "answered": self.answered,
            "waits_for": self.waits_for,
            "done": self.done,
            "error": self.error,
            "warm_up": self.warm_up,
            "count": self.total - self.warm_up,
            "concurrency": self.plan["concurrency"],
            "seconds": summary(self.seconds),
        }


def summary(seconds):
    """Least, median, 95th percentile by nearest rank, most; None where nothing was answered."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    count = len(ordered)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    p95 = ordered[-(-95 * count // 100) - 1]
    return {"min": ordered[0], "median": middle, "p95": p95, "max": ordered[-1]}
