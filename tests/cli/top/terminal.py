"""Runs frugal top on pseudo-terminals and reads what it draws."""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

FRUGAL = os.environ["FRUGAL"]


def size_of(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Top:
    def __init__(self, env=(), columns=80, rows=24, hup=signal.SIG_DFL):
        self.master, self.slave = pty.openpty()
        size_of(self.master, columns, rows)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, hup)
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in (0, 1, 2):
                os.dup2(self.slave, fd)
            os.execve(FRUGAL, [FRUGAL, "top", "--interval", "0.2", "--zone", "FR", "--nvml", "none"],
                      {**os.environ, "TERM": "xterm", **dict(env)})

    def read_until(self, test, seconds=30):
        end = time.time() + seconds
        while time.time() < end and not test(self.seen):
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)
        assert test(self.seen), self.seen[-2000:]

    def frames(self):
        return [f for f in self.seen.split(b"\033[H")[1:] if b"\033[J" in f]

    def lines(self, frame):
        text = re.sub(rb"\033\[[0-9;?]*[a-zA-Z]", b"", frame.split(b"\033[J")[0])
        return [l.decode() for l in re.split(rb"\r+\n", text)]

    def send(self, keys):
        os.write(self.master, keys)

    def end(self):
        self.read_until(lambda s: s.endswith(b"\033[?25h\033[?1049l"))
        status = os.waitpid(self.pid, 0)[1]
        assert status == 0, status
        assert self.seen.startswith(b"\033[?1049h\033[?25l")
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was"
        os.close(self.master)
        os.close(self.slave)


def fits(lines, columns, rows):
    assert len(lines) <= rows, len(lines)
    assert all(len(l) <= columns for l in lines), max(lines, key=len)


t = Top()
t.read_until(lambda s: s.count(b"\033[J") >= 2)
lines = t.lines(t.frames()[-1])
fits(lines, 80, 24)
assert len(lines) == 24 and lines[-1].startswith("q quit"), lines
assert lines[0].startswith("frugal top") and "W" in lines[1] and lines[2].startswith("FR "), lines[:3]
assert any(re.search(r"\b%d\b.*frugal" % t.pid, l) for l in lines) or len(lines) == 24
t.send(b"g")
t.read_until(lambda s: b"MEMBERS" in s)
n = len(t.frames())
size_of(t.master, 120, 40)
t.read_until(lambda s: len(t.lines((t.frames() or [b""])[-1])) == 40)
fits(t.lines(t.frames()[-1]), 120, 40)
size_of(t.master, 30, 5)
t.read_until(lambda s: "larger window" in t.lines(t.frames()[-1])[0])
t.send(b"q")
t.end()

t = Top()
t.read_until(lambda s: s.count(b"\033[J") >= 1)
t.send(b"\003")
t.end()

t = Top({"NO_COLOR": "1", "LANG": "C", "LC_ALL": ""})
t.read_until(lambda s: s.count(b"\033[J") >= 2)
assert not re.search(rb"\033\[[0-9;]*m", t.seen), "colours in spite of NO_COLOR"
assert all(b < 128 for b in t.seen), "more than ASCII in the C locale"
os.kill(t.pid, signal.SIGTERM)
t.end()

# A terminal that goes away ends it, also where nobody is told (nohup): it may not spin on.
t = Top(hup=signal.SIG_IGN)
t.read_until(lambda s: s.count(b"\033[J") >= 2)
os.close(t.slave)
os.close(t.master)
ended = (0, 0)
for _ in range(300):
    ended = ended if ended[0] else os.waitpid(t.pid, os.WNOHANG)
    time.sleep(0 if ended[0] else 0.1)
assert ended[0] == t.pid, "it goes on without a terminal"
print("ok")
