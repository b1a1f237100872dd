"""Tell the meter around this program where its phases begin and end, what work they did and how well.

    import frugal

    with frugal.phase("train"):
        ...
        frugal.work(tokens=512)
        frugal.quality(accuracy=0.8)

    @frugal.phase("evaluate")
    def evaluate(): ...

    trainer = transformers.Trainer(..., callbacks=[frugal.TrainerCallback()])

Run it as `frugal meter -- python train.py`: the report and the ledger then have the energy of each
phase. Without a meter around (no FRUGAL_SOCKET) nothing happens and next to nothing is paid. Marks
never wait for the meter: what it cannot take at once is dropped, counted, and said in the report.
Only the process with RANK 0 (or none) marks: phases of several processes that overlap cannot be
told apart. One file, standard library alone; copy it beside your program or put it on PYTHONPATH.
"""
import functools
import math
import os
import socket
import threading

__all__ = ["begin", "end", "next_phase", "work", "quality", "phase", "sync", "is_metered", "dropped", "TrainerCallback"]

_NOT_QUALITY = ("_runtime", "_per_second", "epoch", "learning_rate", "num_input_tokens_seen", "total_flos")

_lock = threading.Lock()
_socket = None
_tried = False
_dropped = 0
_dropped_told = 0


def _connect():
    """The connection to the meter, made once; None where nobody meters."""
    global _socket, _tried
    if _tried:
        return _socket
    with _lock:
        if not _tried:
            path = os.environ.get("FRUGAL_SOCKET")
            if path and os.environ.get("RANK", "0") == "0":
                try:
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    s.connect(path)
                    s.setblocking(False)
                    _socket = s
                except (OSError, ValueError, AttributeError):
                    _socket = None
            _tried = True
    return _socket


def _send(lines):
    global _dropped, _dropped_told
    s = _connect()
    if s is None:
        return
    with _lock:
        lost = _dropped - _dropped_told
        if lost:
            lines = ["dropped %d" % lost] + lines
        try:
            s.send("\n".join(lines).encode("utf-8", "replace"))
            _dropped_told += lost
        except OSError:
            _dropped += 1


def _name(name):
    return " ".join(str(name).split())[:200] or "?"


def _counts(verb, counts):
    lines = []
    for name, value in counts.items():
        value = float(value)
        if math.isfinite(value):
            lines.append("%s %.17g %s" % (verb, value, _name(name)))
    return lines


def is_metered():
    """Is there a meter around that answers?"""
    return _connect() is not None


def dropped():
    """Marks that could not be sent so far."""
    return _dropped


def begin(name):
    """A phase begins, inside the innermost open one."""
    if _connect() is not None:
        _send(["begin " + _name(name)])


def next_phase(name):
    """The innermost open phase ends, if there is one, and another begins beside it."""
    if _connect() is not None:
        _send(["next " + _name(name)])


def end(name=None):
    """The innermost open phase of that name ends, with all inside it; without a name, the innermost."""
    if _connect() is not None:
        _send(["end" if name is None else "end " + _name(name)])


def work(**counts):
    """So much work was done in the innermost open phase: work(tokens=512). Calls add up."""
    if counts and _connect() is not None:
        lines = _counts("work", counts)
        if lines:
            _send(lines)


def quality(**values):
    """How well the innermost open phase did: quality(accuracy=0.8). The last value counts."""
    if values and _connect() is not None:
        lines = _counts("quality", values)
        if lines:
            _send(lines)


def sync(timeout=2.0):
    """Waits until the meter has taken all marks; False where it did not say so in time."""
    s = _connect()
    if s is None:
        return False
    with _lock:
        try:
            s.settimeout(timeout)
            s.send(b"sync")
            return s.recv(64).startswith(b"ok")
        except OSError:
            return False
        finally:
            s.setblocking(False)


class phase:
    """with frugal.phase("train", tokens=512): ...   or   @frugal.phase("train")

    Keyword arguments are work, counted when the phase ends. A phase that is left by an exception
    ends, too."""

    def __init__(self, name, **counts):
        self.name = name
        self.counts = counts

    def __enter__(self):
        begin(self.name)
        return self

    def __exit__(self, *exc):
        if _connect() is not None:
            _send(_counts("work", self.counts) + ["end " + _name(self.name)])
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with phase(self.name, **self.counts):
                return function(*args, **kwargs)

        return wrapped


def _trainer_callback():
    from transformers import TrainerCallback as Base

    class FrugalCallback(Base):
        """Phases train > epoch, and evaluate; work: steps, samples, tokens where the model counts
        them; quality: the losses and metrics that the trainer logs. steps=True makes a phase of each
        optimizer step, too."""

        def __init__(self, steps=False):
            self.steps = steps
            self.evaluating = False
            self.tokens = 0

        def on_train_begin(self, args, state, control, **kwargs):
            self.tokens = getattr(state, "num_input_tokens_seen", 0) or 0
            begin("train")

        def on_epoch_begin(self, args, state, control, **kwargs):
            begin("epoch")

        def on_step_begin(self, args, state, control, **kwargs):
            self._after_evaluation()
            if self.steps:
                begin("step")

        def on_step_end(self, args, state, control, **kwargs):
            samples = args.per_device_train_batch_size * max(args.gradient_accumulation_steps, 1)
            counts = {"steps": 1, "samples": samples * max(getattr(args, "world_size", 1), 1)}
            tokens = getattr(state, "num_input_tokens_seen", 0) or 0
            if tokens > self.tokens:
                counts["tokens"] = tokens - self.tokens
                self.tokens = tokens
            work(**counts)
            if self.steps:
                end("step")
            # the evaluation that is about to come begins here
            if control.should_evaluate:
                begin("evaluate")
                self.evaluating = True

        def on_evaluate(self, args, state, control, metrics=None, **kwargs):
            self._report(metrics)
            self._after_evaluation()

        def on_log(self, args, state, control, logs=None, **kwargs):
            if not self.evaluating:
                self._report(logs)

        def on_epoch_end(self, args, state, control, **kwargs):
            self._after_evaluation()
            end("epoch")
            if control.should_evaluate:
                begin("evaluate")
                self.evaluating = True

        def on_train_end(self, args, state, control, **kwargs):
            self._after_evaluation()
            end("train")
            sync()

        def _after_evaluation(self):
            if self.evaluating:
                end("evaluate")
                self.evaluating = False

        @staticmethod
        def _report(values):
            numbers = {}
            for name, value in (values or {}).items():
                is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
                if is_number and not name.endswith(_NOT_QUALITY):
                    numbers[name] = value
            quality(**numbers)

    return FrugalCallback


def TrainerCallback(steps=False):
    """A callback for transformers.Trainer; transformers is imported only here."""
    return _trainer_callback()(steps)
